//go:build !race

package threats_test

// raced says that nothing is left out.
const raced = false
