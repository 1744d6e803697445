package policy

// A Version is a semantic version without build metadata.
type Version struct {
	Major, Minor, Patch uint64
	Pre                 string
}

// Compare orders versions by the precedence of semantic versioning.
func (v Version) Compare(w Version) int { return 0 }

func (v Version) String() string { return "" }

// CompareNumbers compares two strings of digits as numbers.
func CompareNumbers(a, b string) int { return 0 }
