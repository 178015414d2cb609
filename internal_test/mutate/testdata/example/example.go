// Package example has mistakes that a test sees at once, or by its time, or not at all.
package example

const limit = 2

func Max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func Halves(n int) (halves int) {
	for n >= limit {
		n /= 2
		halves++
	}
	return halves
}

func Unused() bool { return true }
