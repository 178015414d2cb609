package trace

// WrapWith is Wrap with its own limit, and with colours if they are asked for.
var WrapWith = wrap
