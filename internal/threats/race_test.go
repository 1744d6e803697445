//go:build race

package threats_test

// raced says that the race detector makes everything several times as slow, so
// that what is only big, or the same over HTTP/1.1 as over HTTP/2, is left out.
const raced = true
