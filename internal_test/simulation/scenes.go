package main

import (
	"strings"
	"time"
)

// scenes are all scenes, each as small as shows its story.
var scenes = []scene{
	{
		name: "login", bound: 2,
		story:  "two clients log in, the second with a name that is in use",
		script: []string{`a connects; a: HELLO-FROM a\n`, `b connects; b: HELLO-FROM a\n`},
	},
	{
		name: "send", bound: 2, users: "a b",
		story:  "two users send each other a message at once",
		script: []string{`a: SEND b x\n; b: SEND a y\n`},
	},
	{
		name: "self", bound: 2, users: "a",
		story:  "a user sends itself messages and asks for the list in between, all at once",
		script: []string{`a: SEND a 1\nLIST\nSEND a 2\n`},
	},
	{
		name: "three", bound: 2, users: "a b c",
		story:  "three users act in the same batch",
		script: []string{`a: SEND b x\n; b: SEND c y\n; c: SEND a z\nLIST\n`},
	},
	{
		name: "half-close", bound: 1, users: "a b",
		story:  "a user ends its input behind two messages, and its name is used again",
		script: []string{`a: SEND b x\nSEND b y\n; b: LIST\n`, `a half-closes; b: SEND a z\n`, `c connects; c: HELLO-FROM a\nLIST\n`},
	},
	{
		name: "reuse", bound: 1, users: "a b",
		story:  "a user resets while a message comes for it, and its descriptor and name are used again",
		script: []string{`b stalls 12`, `a: SEND b x\n`, `a resets; b: SEND a y\n; c connects`, `d connects; d: HELLO-FROM a\n`, `b reads`},
	},
	{
		name: "slow", bound: 1, users: "a b",
		story:  "a reader that takes a little before the send timeout expires, and then nothing",
		change: func(p *parameters) { p.sendTimeout = 3 * time.Second },
		script: []string{`b stalls 8; a: SEND b 123456789\nLIST\nSEND b x\n`, `2s`, `b takes 2; b: NOPE\n`, `2s`, `b takes 4`, `3s`},
	},
	{
		name: "order", bound: 1, users: "a b c",
		story:  "messages complete in another order than they were sent",
		script: []string{`b stalls 4; a: SEND b x\nSEND c y\nNOPE\nLIST\n`, `b reads`},
	},
	{
		name: "high-water", bound: 1, users: "a b c",
		story:  "more than 64 KiB wait for a user: its senders wait, and it is not read",
		script: []string{`b stalls 30000`, `a: SEND b *70000\nSEND b y\nLIST\n; c: SEND b z\n`, `c: LIST\n; b: LIST\nLIST\n`, `b reads`},
	},
	{
		name: "turns", bound: 1, users: "a b",
		story:  "a user sends more lines than are carried out in one turn, and half-closes",
		script: []string{`a: ` + strings.Repeat(`x\n`, 33) + `SEND b x\n; b: LIST\n`, `a half-closes`},
	},
	{
		name: "linger", bound: 1,
		story:  "a client is answered and closed, sends more, and does not end its stream",
		script: []string{`a connects; a stalls 4; a: GET\nHost\n`, `a: more\n`, `1s`, `a reads`, `2s`},
	},
	{
		name: "flood", bound: 1,
		story:  "a client sends 70 KB more than was answered",
		script: []string{`a connects; a: GET\n; a stalls 4`, `a: *70000`, `a reads`},
	},
	{
		name: "busy", bound: 2, users: "a",
		story:  "the server is full, and a client tries to log in until its time is over",
		change: func(p *parameters) { p.maxUsers, p.loginTimeout = 1, 3*time.Second },
		script: []string{`b connects; b: HELLO-FROM b\n`, `2s`, `b: HELLO-FROM a\n`, `2s`},
	},
	{
		name: "lines", bound: 2, users: "b",
		story:  "lines of just the longest length, and longer ones",
		change: func(p *parameters) { p.maxLine, p.maxName = 20, 4 },
		script: []string{`b: SEND b *13\nSEND b *14\nLIST\r\n; a connects; a: HELLO-FROM *5\n`, `b: *30`, `b: x\n`},
	},
	{
		name: "evict", bound: 1, users: "a",
		story:  "there is no descriptor left: those that linger go first, then those that are not logged in",
		change: func(p *parameters) { p.descriptors = 5 },
		script: []string{`b connects; c connects`, `d connects; d: GET\n`, `e connects; e: HELLO-FROM e\n`, `f connects`, `g connects`},
	},
	{
		name: "reject", bound: 2, users: "a b",
		story:  "all descriptors are those of users, until one leaves",
		change: func(p *parameters) { p.descriptors = 3 },
		script: []string{`c connects; c: HELLO-FROM c\n`, `a closes; d connects; d: HELLO-FROM d\n`},
	},
	{
		name: "stop", bound: 1, users: "a b",
		story:  "the server is stopped while a message is on its way",
		script: []string{`b stalls 15`, `a: SEND b x\nSEND b y\n; c connects`, `stop`, `b: z\n`, `3s`, `b reads`, `3s`},
	},
	{
		name: "memory", bound: 1, users: "a b c",
		story:  "memory is short, and a stalled client and one that reads hold some",
		change: func(p *parameters) { p.maxBuffer = 20 << 10 },
		script: []string{`b stalls 8; c stalls 4000`, `a: SEND b *5000\n`, `1s`, `c: SEND c *9000\n`, `c takes 4000`, `a: SEND b *9000`, `1s`},
	},
	{
		name: "shared", bound: 1, users: "a*3000 b*7000 c*7000",
		story:  "a list that is so long that the queues share its text",
		change: func(p *parameters) { p.maxName, p.maxBuffer = 8<<10, 60<<10 },
		script: []string{`b stalls 4000; c stalls 4000`, `b: LIST\n; c: LIST\n`, `d connects; d: HELLO-FROM d\nLIST\n`, `b reads; a: LIST\n`},
	},
}
