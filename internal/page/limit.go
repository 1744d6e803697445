package page

import (
	"fmt"
	"io"
)

// maxEmptyReads is how often in a row a reader may return no data and no error.
// bufio has the same limit; jsontext has none and would read for ever.
const maxEmptyReads = 100

// A limitedReader fails beyond its limit, where an io.LimitedReader would
// pretend that the body ends.
type limitedReader struct {
	r           io.Reader
	left, limit int64
	err         error // the first error; every later Read returns it again
}

func (l *limitedReader) Read(p []byte) (n int, err error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	for range maxEmptyReads {
		if l.err != nil {
			return 0, l.err
		}
		n, l.err = l.r.Read(p)
		if l.left -= int64(n); l.left < 0 {
			l.err = fmt.Errorf("%w: it exceeds the limit of %d bytes", ErrTooLarge, l.limit)
			return 0, l.err
		}
		if n > 0 {
			return n, nil
		}
	}
	l.err = io.ErrNoProgress
	return 0, l.err
}
