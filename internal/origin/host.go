package origin

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

var (
	// Host names have no underscores, but names in the DNS may: those of containers and of Consul's
	// data centers do.
	hostPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?)*$`)
	// Some resolvers read a name whose last label looks like these as an IPv4
	// address in another notation: 2130706433, 0x7f.1, 127.1.
	numericPattern = regexp.MustCompile(`(^|\.)(0[xX][0-9a-fA-F]*|[0-9]+)$`)
)

// CheckHost accepts a DNS name, an IPv4 address or a bracketed IPv6 address,
// with an optional port. Its errors quote nothing: in "user:password@host" the
// password is where the port would be.
func CheckHost(hostport string) error {
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		host, port = hostport[:i], hostport[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
			return errors.New("the port is not a number from 1 to 65535")
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !strings.HasSuffix(inner, "]") || !addr.Is6() || addr.Zone() != "" {
			return errors.New("not an IPv6 address in brackets without a zone")
		}
		return nil
	}
	if host == "" {
		return errors.New("the host is empty")
	}
	if len(host) > 253 || !hostPattern.MatchString(host) {
		return errors.New("not a host name; write it in ASCII, as host or host:port")
	}
	if addr, err := netip.ParseAddr(host); numericPattern.MatchString(host) && (err != nil || !addr.Is4()) {
		return errors.New("an address must be written as four decimal numbers")
	}
	return nil
}
