package main

import "chatd/internal_test/mistakes"

// A level is one of the classic mistakes of docs/epoll.md: the real code with its defence taken out, by
// edits that the simulation is tried on too.
type level struct {
	Name   string          `json:"name"`
	Story  string          `json:"story"`
	Hints  []string        `json:"hints"` // each says more than the one before
	Lesson string          `json:"lesson"`
	Fault  string          `json:"fault"` // the row of docs/faults.md
	Win    []string        `json:"win"`   // moves after which a promise is broken
	Edits  []mistakes.Edit `json:"edits"`
}

const long = "a-message-of-about-a-hundred-and-fifty-bytes-which-is-more-than-the-send-buffer-of-64-bytes-and-the-48-bytes-that-a-client-takes-without-reading-it"

func repeated(line string, n int) (text string) {
	for i := range n {
		if i > 0 {
			text += "\n"
		}
		text += line
	}
	return text
}

// two are the moves that log in alice and bob.
func two(more ...string) []string {
	return append([]string{"+", "run", "a:HELLO-FROM alice", "run", "+", "run", "b:HELLO-FROM bob", "run"}, more...)
}

var levels = []level{
	{
		Name:  "One read is one message",
		Story: "This loop takes what one read returns for a whole message. TCP is a stream of bytes: it may be cut anywhere. Make the server answer something that no client has said.",
		Hints: []string{
			"When does a read return half a line?",
			"Type a few letters and press “no ⏎”, which sends it without its line end. Or answer a read with a short count.",
			"Connect; type HELLO; send it without its line end; run.",
		},
		Lesson: "The right loop keeps the beginning of a line in the line buffer until the line end comes.",
		Fault:  "C1", Win: []string{"+", "run", "a_HELLO", "run"},
		Edits: mistakes.Find("what one read returns is taken for a line (C1)"),
	},
	{
		Name:  "One write sends all",
		Story: "This loop believes that write takes all that it is given. write takes what there is room for, and returns how much that was. Make the server lose bytes.",
		Hints: []string{
			"The kernel decides how much a write takes. Here you are the kernel.",
			"Step to a write and answer it with a short count.",
			"Connect; type HELLO-FROM alice; step until write is the next call; answer it short by 3 bytes; run.",
		},
		Lesson: "The right loop removes from the out queue what the kernel has taken, and waits until there is room for the rest.",
		Fault:  "D1", Win: []string{"+", "run", "a:HELLO-FROM alice", "to:write", "!short:3", "run"},
		Edits: mistakes.Find("after a short write, all that was offered counts as taken"),
	},
	{
		Name:  "Queued is sent",
		Story: "This loop completes the receipt of a DELIVERY when the kernel has taken its first byte. Make it say SEND-OK too early.",
		Hints: []string{
			"SEND-OK leaves in the same turn as the DELIVERY. What if the DELIVERY does not leave whole?",
			"Two clients; one sends to the other. Answer the write of the DELIVERY with a short count, or let the receiver stop reading.",
			"Log in alice and bob; alice: SEND bob hello; step until write is the next call; answer it short by 3 bytes; run.",
		},
		Lesson: "The right loop keeps each receipt at its offset in the out queue. It is complete when the kernel has taken the last byte before that offset.",
		Fault:  "D2", Win: two("a:SEND bob hello", "to:write", "!short:3", "run"),
		Edits: mistakes.Find("a receipt is complete at the first byte of its frame"),
	},
	{
		Name:  "Always wait for writability",
		Story: "This loop asks to be told when a client is writable, also when there is nothing to write. Make it spin: turn again and again without work.",
		Hints: []string{
			"When is a socket with an empty send buffer writable?",
			"One client that does nothing is enough.",
			"Connect; run.",
		},
		Lesson: "In the right loop the interest follows from the state: Writable if and only if something is queued.",
		Fault:  "B7", Win: []string{"+", "run"},
		Edits: mistakes.Find("the interest in Writable stays with nothing to write"),
	},
	{
		Name:  "Wait for input after its end",
		Story: "This loop still waits for input when a client has ended its input and has not taken all its replies. Make it spin.",
		Hints: []string{
			"A socket at its end of input stays readable for ever. How can a connection stay open after that?",
			"A half-closed client stays until it has taken its replies. What if it does not read?",
			"Log in alice; alice stops reading; type LIST and press “×40”; half-close; run.",
		},
		Lesson: "The right loop has no interest in input after its end: it waits for room to write, and then closes.",
		Fault:  "B8", Win: []string{"+", "run", "a:HELLO-FROM alice", "run", "a=", "a:" + repeated("LIST", 8), "a|", "run"},
		Edits: mistakes.Find("input is waited for after its end, until the output is taken (B8)"),
	},
	{
		Name:  "An event reaches the wrong connection",
		Story: "This loop closes a descriptor in the middle of a batch of events. Make the kernel give the same number to another client in the same turn.",
		Hints: []string{
			"The kernel always gives out the lowest free number. What must happen in one batch, and in which order?",
			"One client goes while another connects. Both have to be in the batch that one wait returns, first the one that goes.",
			"Connect; run; client a resets; connect again; run. (If accept comes first, give the batch another order.)",
		},
		Lesson: "The right loop closes descriptors at the end of the turn only, and an ID has a generation, so that it never fits a later connection.",
		Fault:  "B3", Win: []string{"+", "run", "a!", "+", "run"},
		Edits: mistakes.Find("a connection is closed in the middle of a batch"),
	},
	{
		Name:  "Accept again at once",
		Story: "This loop goes on waiting for the listener when no descriptor is left. Make it spin.",
		Hints: []string{
			"The client that cannot be accepted stays in the backlog. What does the next wait report?",
			"Let the descriptor table be full.",
			"Make the descriptor table full; connect; run.",
		},
		Lesson: "The right loop takes the listener out of the set for 100 ms, and logs it once.",
		Fault:  "A1", Win: []string{"full", "+", "run"},
		Edits: mistakes.Find("the listener is waited for when there is no descriptor"),
	},
	{
		Name:  "Close follows the last reply",
		Story: "This loop closes a connection directly after its last reply. If input is unread then, the kernel sends a reset, and a reset destroys what is on its way. Make a client lose its last reply.",
		Hints: []string{
			"Which reply is followed by close? And how can input be unread when it leaves?",
			"A client that has not logged in and says anything but HELLO-FROM is answered and closed. It has to say more after the read, and be slow to read.",
			"Connect; run; a stops reading; a: hello; step until write is the next call; a: more; run.",
		},
		Lesson: "The right loop shuts its write side and lingers: it reads and discards until the client has ended, for 2 s at most.",
		Fault:  "D13", Win: []string{"+", "run", "a=", "a:hello", "to:write", "a:more", "run"},
		Edits: mistakes.Find("the last frame is followed by close(2) at once"),
	},
	{
		Name:  "No backpressure",
		Story: "This loop reads a client also while a reply is owed to it. Messages for a client that does not read then fill the server's memory. Make it read a client that has to wait.",
		Hints: []string{
			"Which client has to stop reading, and which goes on sending?",
			"bob stops reading. alice sends more than the buffers hold (64 + 48 bytes), and then again.",
			"Log in alice and bob; bob stops reading; alice: SEND bob and a message of 150 bytes; run; alice: SEND bob more; run.",
		},
		Lesson: "The right loop does not read a client with a pending reply. Its bytes stay in its kernel's buffers, then in the client's own: the slow reader slows its senders.",
		Fault:  "D7", Win: two("b=", "a:SEND bob "+long, "run", "a:SEND bob more", "run"),
		Edits: mistakes.Find("a client with a pending reply is read"),
	},
	{
		Name:  "Input is kept back",
		Story: "In one turn the loop executes 32 lines of a client at most, so that others have their turn. This loop forgets the rest. Make it sleep with lines that it has read.",
		Hints: []string{
			"The kernel does not report bytes that the loop has read already.",
			"One client sends more than 32 lines in one piece. Its receive buffer has room for 256 bytes: the lines must be short.",
			"Connect; log in alice; type LIST and press “×40”; run.",
		},
		Lesson: "The right loop keeps a list of connections with lines left, and does not sleep while the list is not empty.",
		Fault:  "B12", Win: []string{"+", "run", "a:HELLO-FROM alice", "run", "a:" + repeated("LIST", 40), "run"},
		Edits: mistakes.Find("lines that are left are forgotten"),
	},
}
