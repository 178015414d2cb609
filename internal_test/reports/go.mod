module chatd/internal_test/reports

go 1.24.0

require github.com/joshdk/go-junit v1.0.0
