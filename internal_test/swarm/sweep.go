package main

import "slices"

// pollers are the ways in which chatd can wait, in the order of their age.
var pollers = []string{"select", "poll", "epoll"}

// selectClients is how many idle clients select(2) has room for: it knows no descriptor above
// 1,023, and the load and the server need some as well.
const selectClients = 900

// crowds are how many idle clients there are beside the load, one after the other.
func crowds(most int) []int {
	fitting := slices.DeleteFunc([]int{0, 100, selectClients, 1_000, 10_000}, func(n int) bool { return n >= most })
	return append(fitting, most)
}

// sweep measures one load beside more and more idle clients, once for each way to wait. A chatd
// that cannot choose waits with epoll.
func (m *measurement) sweep(round int) error {
	chosen := pollers
	choosing := m.contenders[0].Accepts("--poller")
	if !choosing {
		chosen = []string{"epoll"}
	}
	first := round % len(chosen)
	for _, idlers := range crowds(m.options.many) {
		for _, poller := range slices.Concat(chosen[first:], chosen[:first]) {
			switch {
			case poller == "select" && idlers > selectClients:
				continue
			case poller != "select" && idlers == selectClients:
				continue
			}
			c := m.contenders[0]
			if choosing {
				c.Flags = append(slices.Clone(c.Flags), "--poller", poller)
			}
			m.progress.say("round %d of %d: %s with %d idle clients", round+1, m.options.rounds, poller, idlers)
			r, err := m.once(c, options{
				load: "pairs", n: 10, idle: idlers, settle: m.options.settle,
				warmup: m.options.warmup, seconds: m.options.seconds,
			})
			if err != nil {
				return err
			}
			m.addLoad(key{Load: tenPairs, Server: poller, Idle: idlers}, r)
		}
	}
	return nil
}
