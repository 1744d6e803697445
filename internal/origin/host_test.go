package origin_test

import (
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

func TestCheckHost(t *testing.T) {
	t.Parallel()
	const (
		badPort  = "the port is not a number from 1 to 65535"
		badName  = "not a host name; write it in ASCII, as host or host:port"
		badIPv6  = "not an IPv6 address in brackets without a zone"
		badIPv4  = "an address must be written as four decimal numbers"
		noHost   = "the host is empty"
		longName = "a.example.com"
	)
	for _, tt := range []struct{ rule, host, want string }{
		{"a DNS name is a host", "registry.example.com", ""},
		{"a name of one label is a host", "registry", ""},
		{"upper case is allowed", "Registry.Example.COM", ""},
		{"digits and hyphens are allowed within a label", "a-1.x--y.example", ""},
		{"a label may begin with a digit", "1registry.example.com", ""},
		{"the last label may begin with a digit", "registry.1a", ""},
		{"an underscore is allowed within a label", "qual_registry", ""},
		{"an underscore is allowed within every label", "registry.service.dc_1.consul:5000", ""},
		{"underscores may follow each other", "my__registry.example.com", ""},
		{"the lowest port is 1", "registry.example.com:1", ""},
		{"the highest port is 65535", "registry.example.com:65535", ""},
		{"an IPv4 address is a host", "192.0.2.1:5000", ""},
		{"an IPv6 address in brackets is a host", "[2001:db8::1]", ""},
		{"an IPv6 address in brackets may have a port", "[::1]:5000", ""},
		{"an IPv6 address may contain an IPv4 address", "[::ffff:192.0.2.1]", ""},
		{"a name has at most 253 bytes", strings.Repeat("a.", 126) + "a", ""},

		{"a name of 254 bytes is too long", strings.Repeat("a.", 126) + "aa", badName},
		{"an empty host is refused", "", noHost},
		{"a port without a host is refused", ":5000", noHost},
		{"an empty port is refused", longName + ":", badPort},
		{"port 0 is refused", longName + ":0", badPort},
		{"a port above 65535 is refused", longName + ":65536", badPort},
		{"a port with a sign is refused", longName + ":+443", badPort},
		{"a port with a leading zero is refused, because it is a second spelling", longName + ":0443", badPort},
		{"a port that is a word is refused and not quoted", "user:hunter2", badPort},
		{"user information is refused and not quoted", "user:hunter2@registry.example.com", badPort},
		{"a user name is refused", "user@registry.example.com", badName},
		{"a dot at the end is refused", "registry.example.com.", badName},
		{"an empty label is refused", "registry..example.com", badName},
		{"a hyphen at the beginning of a label is refused", "-a.example.com", badName},
		{"a hyphen at the end of a label is refused", "a-.example.com", badName},
		{"an underscore at the beginning of a label is refused", "_registry.example.com", badName},
		{"an underscore at the end of a label is refused", "registry_.example.com", badName},
		{"an underscore does not make a numeric last label a name", "my_registry.1", badIPv4},
		{"a path is refused", "registry.example.com/v2", badName},
		{"a query is refused", "registry.example.com?a=b", badName},
		{"an escape is refused", "registry%2eexample.com", badName},
		{"a space is refused", "registry example.com", badName},
		{"a line break at the end is refused", "registry.example.com\n", badName},
		{"letters outside ASCII are refused", "régistry.example.com", badName},
		{"an IPv6 address without brackets is refused", "2001:db8::1", badName},
		{"two colons are refused", "registry.example.com:1:2", badName},
		{"an IPv4 address in brackets is refused", "[192.0.2.1]", badIPv6},
		{"a zone is refused", "[fe80::1%eth0]", badIPv6},
		{"an escaped zone is refused", "[fe80::1%25eth0]", badIPv6},
		{"a bracket that is not closed is refused", "[::1", badIPv6},
		{"an address with a bracket that is not closed is refused", "[2001:db8::1:5000", badIPv6},
		{"two closing brackets are refused", "[::1]]", badIPv6},
		{"text after the bracket is refused", "[::1]a", badIPv6},
		{"a name in brackets is refused", "[registry.example.com]", badIPv6},
		{"an IPv4 address as one number is refused", "2130706433", badIPv4},
		{"an IPv4 address of two numbers is refused", "127.1", badIPv4},
		{"a hexadecimal address is refused", "0x7f000001", badIPv4},
		{"a hexadecimal last label is refused", "127.0x1", badIPv4},
		{"an octal number is refused", "127.0.0.010", badIPv4},
		{"a number above 255 is refused", "192.0.2.256", badIPv4},
		{"five numbers are refused", "1.2.3.4.5", badIPv4},
		{"a name with a numeric last label is refused", "registry.1", badIPv4},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := origin.CheckHost(tt.host); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}
