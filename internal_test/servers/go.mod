module chatd/internal_test/servers

go 1.24.0

require (
	chatd v0.0.0
	github.com/cloudwego/netpoll v0.7.2
	golang.org/x/sys v0.41.0
)

require (
	github.com/bytedance/gopkg v0.1.1 // indirect
	github.com/cloudwego/gopkg v0.1.4 // indirect
)

replace chatd => ../..
