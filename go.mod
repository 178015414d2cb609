module chatd

go 1.24.0
