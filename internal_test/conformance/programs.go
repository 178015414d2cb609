package main

// programs are the cases that a conversation cannot tell: they ask again, count, or do not read.
var programs = []testCase{
	{
		ID: oneLogin, Level: must, alone: true, Also: []string{"PR2"}, play: func(s *trial) { s.login("alice") },
		Title: "A client that is alone can log in",
		Why:   "Nearly all other cases begin like this one.",
	},
	{
		ID: together, Level: must, Needs: []string{oneLogin}, alone: true, play: twoAtOnce,
		Title: "A client is served while another is connected",
		Why:   "A server that stays with one client until it leaves does not serve any other. Wait for all of them at once: select, poll, epoll.",
	},
	{
		ID: "TR5/server-is-on", Level: must, alone: true, play: serverIsOn,
		Title: "\"Server is on\" is printed when the server is ready, and not before",
		Why:   "The program that starts the server waits for this line, and then connects.",
	},
	{
		ID: "PR9/unauthenticated", Level: must, Needs: []string{oneLogin, oneList}, play: unauthenticated,
		Title: "A client that is connected and has not logged in is not on the list",
		Why:   "It has no name yet.",
	},
	{
		ID: "TR1/sixteen", Level: must, Needs: []string{oneSend, oneList}, Also: []string{"PR9"}, play: sixteen,
		Title: "16 users can be here at the same time, and all of them are served",
		Why:   "Fewer places than that are too few.",
	},
	{
		ID: "PR15/busy", Level: must, Needs: []string{oneSend}, play: busy,
		Title: "When the server is full, HELLO-FROM is answered by BUSY",
		Why:   "The lab's own test logs in 16 users and expects the 17th to hear BUSY. More places are no error, but without an end to them BUSY cannot be seen.",
	},
	{
		ID: "PR15/again", Level: may, Needs: []string{oneLogin}, Also: []string{"TR3"}, play: busyAgain,
		Title: "A client that was told BUSY stays connected, and can log in when a user leaves",
		Why:   "The rules do not say what becomes of the connection.",
	},
	{
		ID: "TR2/idle", Level: must, Needs: []string{oneSend}, play: idle,
		Title: "Clients that send nothing do not make others wait",
		Why:   "A server that waits in recv() for one client does not serve any other. Wait for all of them at once: select, poll, epoll.",
	},
	{
		ID: "TR2/half-line", Level: must, Needs: []string{oneSend}, play: halfLine,
		Title: "Clients that send the beginning of a line do not make others wait",
		Why:   "What recv() returns need not end with a line end. Keep the beginning, and serve the others until the rest comes.",
	},
	{
		ID: "TR2/at-rest", Level: look, Needs: []string{oneLogin}, play: atRest,
		Title: "A server whose clients send nothing needs no CPU",
		Why:   "A loop that asks all clients again and again is busy waiting. Let select, poll or epoll wait without a timeout.",
	},
	{
		ID: "TR2/closes", Level: look, Needs: []string{oneLogin, "TR3/reset"}, play: closesDescriptors,
		Title: "The descriptors of clients that have gone are closed",
		Why:   "A process may have some hundred or thousand of them (ulimit -n). When none is left, the server cannot accept.",
	},
	{
		ID: "TR2/memory", Level: look, Needs: []string{oneSend, "TR2/slow-reader", "TR2/half-line", "TR3/reset"}, play: memoryIsBounded,
		Title: "What one client sends to another that does not read does not fill the memory",
		Why:   "A server that reads on and keeps everything lets one client take all its memory. Stop reading from the sender meanwhile.",
	},
	{
		ID: "TR4/many-senders", Level: must, Needs: []string{oneSend, "TR4/whole", "TR1/sixteen", "TR2/slow-reader"}, play: manySenders,
		Title: "All that many send to a user that reads late arrives",
		Why:   "The rest of each message waits in the server until the user reads.",
	},
	{
		ID: "TR2/slow-reader", Level: must, Needs: []string{oneSend, "TR3/reset"}, play: slowReader,
		Title: "A client that does not read makes only its own senders wait",
		Why:   "Sending can wait as reading can: when a client does not read, the kernel takes no more for it. A server that waits there does not serve any other.",
	},
	{
		ID: "TR2/garbage", Level: must, Needs: []string{oneSend}, play: garbage,
		Title: "Whatever one client says, the others are served",
		Why:   "Bytes that are no text, and a line without an end. What the client itself hears is not tested here.",
	},
	{
		ID: "TR3/close", Level: must, Needs: []string{oneList}, play: func(s *trial) { disappears(s, s.closeConnection) },
		Title: "A user that has closed its connection leaves the list",
		Why:   "recv() returns nothing at all when a client has closed.",
	},
	{
		ID: "TR3/reset", Level: must, Needs: []string{oneList}, play: func(s *trial) { disappears(s, s.Reset) },
		Title: "A user whose connection has broken leaves the list, and the server goes on",
		Why:   "recv() or send() reports an error then, such as ConnectionResetError. It is about this one client only.",
	},
	{
		ID: "TR3/name", Level: must, Needs: []string{oneList, oneSend}, Also: []string{"PR3"}, play: nameIsFree,
		Title: "The name of a user that has left can be taken by another",
		Why:   "It is not in use any more.",
	},
	{
		ID: "PR13/gone", Level: must, Needs: []string{oneLogin}, Also: []string{"TR3", "PR14"}, play: targetGone,
		Title: "SEND to a user that has left is answered by BAD-DEST-USER",
		Why:   "It is not logged in any more. Nothing was forwarded, so there is no SEND-OK.",
	},
	{
		ID: "TR4/whole", Level: must, Needs: []string{oneSend}, Also: []string{"PR11"}, play: arrivesWhole,
		Title: "All that is sent to a user that reads late arrives whole and in order",
		Why:   "send() returns how many bytes the kernel has taken. The rest is to be sent later, when the client has read some.",
	},
	{
		ID: "PR12/killed", Level: must, Needs: []string{oneSend}, Also: []string{"PR14"}, play: killed,
		Title: "SEND-OK is said only after the DELIVERY has been sent",
		Why:   "What has been given to the kernel arrives even if the server is killed. A DELIVERY that still waits in the server's memory is lost then, so SEND-OK was said too early.",
	},
	{
		ID: "PR14/target-dies", Level: must, Needs: []string{oneSend}, Also: []string{"PR12"}, play: targetDies,
		Title: "A message that waits for a user that leaves is not answered by SEND-OK, and the server goes on",
		Why:   "It was not forwarded. The rules do not say what its sender hears instead; chatd says BAD-DEST-USER.",
	},
}
