//go:build js

package state

// Replies are the pending replies in their order, for the page in the browser.
func (s *Session) Replies() []Reply { return s.replies[s.head:] }
