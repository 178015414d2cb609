//go:build js

package protocol

import "chatd/state"

// Rest is what Next has not returned, for the page in the browser.
func (b *LineBuffer) Rest() []byte { return b.rest }

// ReplyText is the text of a reply, without what varies; empty: it is not known yet.
func ReplyText(reply state.Reply) string {
	if reply == listOK {
		return "LIST-OK"
	}
	return string(texts[reply])
}
