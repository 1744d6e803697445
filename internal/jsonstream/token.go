package jsonstream

// quoted reads over a string, from its first quote to its last. It is plain if what is between them means itself: no
// escapes, and nothing that might not be UTF-8.
func (s *Scanner) quoted() (plain bool, err error) {
	plain = true
	for s.pos++; ; {
		n := ordinary(s.data[s.pos:s.end])
		s.pos += n
		c, err := s.next()
		switch {
		case err != nil:
			return false, s.unexpected(c, err)
		case c == '"':
			return plain, nil
		case c == '\\':
			plain = false
			err = s.escape()
		case c < ' ':
			err = s.unexpected(c, nil)
		case c >= 0x80:
			plain = false
		}
		if err != nil {
			return false, err
		}
	}
}

// ordinary is how many bytes at the beginning are ASCII that means itself.
func ordinary(data []byte) int {
	for i, c := range data {
		if c == '"' || c == '\\' || c < ' ' || c >= 0x80 {
			return i
		}
	}
	return len(data)
}

// escape reads what follows a backslash.
func (s *Scanner) escape() error {
	c, err := s.next()
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		if err == nil {
			return nil
		}
	case 'u':
		for range 4 {
			if c, err = s.next(); err != nil || !hexadecimal(c) {
				return s.unexpected(c, err)
			}
		}
		return nil
	}
	return s.unexpected(c, err)
}

func hexadecimal(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// number reads over a number: https://www.rfc-editor.org/rfc/rfc8259#section-6
func (s *Scanner) number() error {
	if s.follows('-') {
		s.pos++
	}
	if s.follows('0') {
		s.pos++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.follows('.') {
		s.pos++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.follows('e') || s.follows('E') {
		s.pos++
		if s.follows('-') || s.follows('+') {
			s.pos++
		}
		return s.digits()
	}
	return nil
}

// digits reads one or more.
func (s *Scanner) digits() error {
	c, err := s.next()
	if err != nil || !digit(c) {
		return s.unexpected(c, err)
	}
	for {
		c, err := s.here()
		if err == errEnded || err == nil && !digit(c) {
			return nil
		}
		if err != nil {
			return err
		}
		s.pos++
	}
}

// follows reports whether this is the next byte. What cannot be read is found by who reads on.
func (s *Scanner) follows(want byte) bool {
	c, err := s.here()
	return err == nil && c == want
}

func (s *Scanner) literal(word string) error {
	for _, want := range []byte(word) {
		if c, err := s.next(); err != nil || c != want {
			return s.unexpected(c, err)
		}
	}
	return nil
}

// expect reads one byte, after white space.
func (s *Scanner) expect(want byte) error {
	if c, err := s.peek(); err != nil || c != want {
		return s.unexpected(c, err)
	}
	s.pos++
	return nil
}
