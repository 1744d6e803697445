// Package policy reads and checks what a retention policy says.
package policy
