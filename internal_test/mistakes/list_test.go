package mistakes

import "testing"

// A mistake whose text has moved on is no mistake any more, and one whose story another has is not found.
func TestEveryEditFitsTheCode(t *testing.T) {
	stories := map[string]bool{}
	for _, m := range All {
		if _, err := Apply("../..", m.Edits); err != nil {
			t.Errorf("%s: %v", m.Story, err)
		}
		if stories[m.Story] {
			t.Errorf("two mistakes have the story %q", m.Story)
		}
		stories[m.Story] = true
	}
}
