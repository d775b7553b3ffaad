package seal

// Keys are the keys of a ring.
type Keys struct{}

// ParseKeys reads the text of a key file. The name is only for messages.
func ParseKeys(text []byte, name string) (*Keys, error) { return &Keys{}, nil }
