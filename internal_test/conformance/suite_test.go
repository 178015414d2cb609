package main

import (
	"context"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// On a busy machine a case may fail by chance. One on which others rest is played again, so that it
// does not take them along.
func TestPlayedAgain(t *testing.T) {
	t.Parallel()
	su := suite{target: daemon.Start(t).Address, timeout: 10 * time.Second, run: context.Background(), names: newRenaming(1)}
	tries := map[string]int{}
	failOnce := func(id string) func(*trial) {
		return func(*trial) {
			if tries[id]++; tries[id] == 1 {
				fail("the machine is busy")
			}
		}
	}
	results, err := su.playAll([]testCase{
		{ID: oneLogin, Level: must, play: failOnce(oneLogin)},
		{ID: oneList, Level: must, Needs: []string{oneLogin}, play: failOnce(oneList)},
	}, func(int, result) {})
	if err != nil || results[0].verdict != passed || results[1].verdict != failed || len(su.notes) != 1 {
		t.Errorf("%v, %s, %s, notes %q; expected the first to pass, with a note, and the second to fail",
			err, results[0].verdict, results[1].verdict, su.notes)
	}
}
