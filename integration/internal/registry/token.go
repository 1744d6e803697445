package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	tokenIssuer  = "regret integration"
	tokenService = "registry.integration"
)

// Account is an account of a token service.
type Account struct {
	Password string
	// Actions are the actions allowed in every repository: pull, push, delete.
	Actions []string
}

// TokenService issues tokens for registries with token authentication.
// See https://distribution.github.io/distribution/spec/auth/token/
type TokenService struct {
	// URL is the realm of the challenge.
	URL string

	accounts    map[string]Account
	certificate []byte
	signer      jose.Signer
}

// startTokenService starts a token service with these accounts, by user name.
func startTokenService(t testing.TB, accounts map[string]Account) *TokenService {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := selfSigned(key)
	if err != nil {
		t.Fatal(err)
	}
	// Both versions of distribution verify the key by the certificate chain in the token's header.
	options := (&jose.SignerOptions{}).WithType("JWT").
		WithHeader("x5c", []string{base64.StdEncoding.EncodeToString(certificate)})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	tokens := &TokenService{accounts: accounts, certificate: certificate, signer: signer}
	server := httptest.NewServer(tokens)
	t.Cleanup(server.Close)
	tokens.URL = server.URL + "/token"
	return tokens
}

// ServeHTTP issues a token for the requested actions that the account allows.
func (s *TokenService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	account, known := s.accounts[user]
	if !known || account.Password != password {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"unknown user or password"}]}`, http.StatusUnauthorized)
		return
	}
	token, err := s.Token(user, r.URL.Query()["scope"]...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	body := map[string]any{"token": token, "access_token": token, "expires_in": 300}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// Token returns a token for a user, limited to the actions that the account allows.
func (s *TokenService) Token(user string, scopes ...string) (string, error) {
	now := time.Now()
	claims := struct {
		jwt.Claims
		Access []access `json:"access"`
	}{
		Claims: jwt.Claims{
			Issuer: tokenIssuer, Subject: user, Audience: jwt.Audience{tokenService}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)),
		},
		Access: s.grant(user, strings.Fields(strings.Join(scopes, " "))),
	}
	return jwt.Signed(s.signer).Claims(claims).Serialize()
}

type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// grant returns the requested access, limited to the actions that the account allows.
func (s *TokenService) grant(user string, scopes []string) []access {
	granted := []access{}
	for _, scope := range scopes {
		kind, rest, _ := strings.Cut(scope, ":")
		name, requested, ok := cutLast(rest, ":")
		if !ok {
			continue
		}
		actions := slices.DeleteFunc(strings.Split(requested, ","), func(action string) bool {
			return !slices.Contains(s.accounts[user].Actions, action)
		})
		granted = append(granted, access{Type: kind, Name: name, Actions: actions})
	}
	return granted
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// section returns the configuration section that makes a registry trust this service.
func (s *TokenService) section(t testing.TB) section {
	t.Helper()
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certificate})
	return section{
		"realm":          s.URL,
		"service":        tokenService,
		"issuer":         tokenIssuer,
		"rootcertbundle": writeFile(t, "tokens.pem", bundle),
	}
}

func selfSigned(key *ecdsa.PrivateKey) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: tokenIssuer},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}
