package protocol

import "chatd/state"

// The replies that one owes, by number. A state.Reply is what waits in the FIFO of a client; 0 is
// the one that is still pending.
const (
	sendOK state.Reply = iota + 1
	listOK
	badDestUser
	badRqstHdr
	badRqstBody
	inUse
	busy
)

// texts are the replies that always read the same. Every other text of the server is made by one of
// the functions below: together they are all that it can say.
var texts = [...][]byte{
	sendOK:      []byte("SEND-OK\n"),
	badDestUser: []byte("BAD-DEST-USER\n"),
	badRqstHdr:  []byte("BAD-RQST-HDR\n"),
	badRqstBody: []byte("BAD-RQST-BODY\n"),
	inUse:       []byte("IN-USE\n"),
	busy:        []byte("BUSY\n"),
}

// BusyReply is what is said to a client for whom there is not even room to listen to it.
func BusyReply() []byte { return texts[busy] }

// appendHello appends the reply to a login (PR3).
func appendHello(text, name []byte) []byte {
	text = append(text, "HELLO "...)
	text = append(text, name...)
	return append(text, '\n')
}

// appendDelivery appends what the target of a SEND hears (PR11).
func appendDelivery(text, sender, message []byte) []byte {
	text = append(text, "DELIVERY "...)
	text = append(text, sender...)
	text = append(text, ' ')
	text = append(text, message...)
	return append(text, '\n')
}

// makeList makes the reply to LIST (PR9).
func makeList(users *state.Registry) []byte {
	text := make([]byte, 0, len("LIST-OK \n")+users.ListLen())
	text = append(text, "LIST-OK "...)
	text = users.AppendList(text)
	return append(text, '\n')
}
