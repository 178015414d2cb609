module chatd/internal_test/peers

go 1.24.0

require chatd v0.0.0

replace chatd => ../..
