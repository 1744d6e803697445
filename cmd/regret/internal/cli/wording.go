package cli

import (
	"crypto/x509"
	"errors"
	"regexp"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// textOf returns the text of an error as it is printed: safe to show, and with flags and commands
// where the library says what to call.
func textOf(err error) string {
	text := strings.TrimPrefix(err.Error(), "regret: ") // which the name of the command says already
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		text += "; if it is an authority of yours, trust it with --ca-file"
	}
	return terminal.SafeLines(asCommands(text))
}

// safeReason returns the reason in a report as it is printed.
func safeReason(reason string) string {
	return terminal.Safe(asCommands(strings.TrimPrefix(reason, "regret: ")))
}

// reasonFor returns why something failed, in a few words and with what to do: the kind of the error
// and its hint, if it has a kind.
func reasonFor(err error) string {
	e, ok := errors.AsType[*regret.Error](err)
	if !ok || e.Kind == "" {
		return textOf(err)
	}
	switch {
	case e.Hint == "":
		return string(e.Kind)
	case strings.HasPrefix(e.Hint, string(e.Kind)):
		return terminal.Safe(asCommands(e.Hint))
	}
	return terminal.Safe(string(e.Kind) + ": " + asCommands(e.Hint))
}

// calls are what the library says to call, and what that is here.
var calls = strings.NewReplacer(
	"UntagByOverwrite", "regret untag --by-overwrite",
	"DeleteManifest", "regret rm",
	"ResolveDigest", "regret resolve",
	"CheckDelete", "regret check",
	"with Untag", "with regret untag",
	"with WithTags", "with --with-tags",
	"WithRequestRate", "--rate",
	"WithPlainHTTP", "--plain-http",
	"set Overwrite", "add --by-overwrite",
)

// trustedRealm is how the library names a token service that may be trusted.
var trustedRealm = regexp.MustCompile(`WithTrustedRealm\("([^"]*)"\)`)

// asCommands replaces calls of the library in a text by commands and flags.
func asCommands(text string) string {
	return calls.Replace(trustedRealm.ReplaceAllString(text, "--trust-realm $1"))
}
