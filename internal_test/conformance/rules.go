package main

// rules are the lab's, in short, as a report cites them.
var rules = map[string]string{
	"PR1":  "the whole protocol: requests and answers are lines, each ended by \\n",
	"PR2":  "HELLO-FROM <name> from a client that is not logged in is an attempt to log in",
	"PR3":  "if the name is valid and free, the answer is HELLO <name>",
	"PR4":  "if the name is invalid, the answer is BAD-RQST-BODY, and the connection is closed",
	"PR5":  "if the name is in use, the answer is IN-USE, and the connection is closed",
	"PR6":  "HELLO-FROM from a user that is logged in already is answered by BAD-RQST-HDR",
	"PR7":  "anything but HELLO-FROM from a client that is not logged in is answered by BAD-RQST-HDR, and the connection is closed",
	"PR8":  "LIST is answered by LIST-OK and the names",
	"PR9":  "the names are separated by commas, and are exactly those of all users that are logged in",
	"PR10": "SEND <name> <message> to a user that is logged in is forwarded to it",
	"PR11": "the user gets DELIVERY <sender> <message>",
	"PR12": "the sender hears SEND-OK, and never before the DELIVERY has been sent",
	"PR13": "SEND to a user that is not logged in is answered by BAD-DEST-USER",
	"PR14": "if a message is not forwarded, for whatever reason, there is no SEND-OK",
	"PR15": "HELLO-FROM is answered by BUSY when the server is full",
	"PR16": "any other error in the header is answered by BAD-RQST-HDR",
	"PR17": "any other error in the body is answered by BAD-RQST-BODY",
	"UR1":  "a name contains no space",
	"UR2":  "a name contains no comma",
	"TR1":  "at least 16 users can be logged in at the same time",
	"TR2":  "the server polls: it serves all clients at the same time, and waits for none of them",
	"TR3":  "a user that has disconnected leaves the list",
	"TR4":  "send() may take a part of the bytes only; the server itself sees to the rest",
	"TR5":  "the server prints \"Server is on\" when it is ready to accept",
}
