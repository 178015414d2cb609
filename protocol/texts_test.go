package protocol_test

// The replies that are always the same. A client compares them byte for byte.
const (
	sendOK      = "SEND-OK\n"
	badDestUser = "BAD-DEST-USER\n"
	badRqstHdr  = "BAD-RQST-HDR\n"
	badRqstBody = "BAD-RQST-BODY\n"
	inUse       = "IN-USE\n"
	busy        = "BUSY\n"
)
