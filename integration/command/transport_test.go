package command_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// A proxy records what it is asked for, and leads everything to one address.
type proxy struct {
	*httptest.Server
	target string // host and port

	mu   sync.Mutex
	seen []string // methods and hosts
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{target: target}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.Host)
	p.mu.Unlock()
	if r.Method != http.MethodConnect {
		(&httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "http", Host: p.target})
			pr.Out.Host = r.Host
		}}).ServeHTTP(w, r)
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
	}()
	_, _ = io.Copy(server, client)
}

// wantOnly checks that the proxy was asked for one host, in one way.
func (p *proxy) wantOnly(t *testing.T, want string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) == 0 {
		t.Error("the proxy was not asked")
	}
	for _, seen := range p.seen {
		if _, host, _ := strings.Cut(seen, " "); seen != want && host != want {
			t.Errorf("the proxy saw %s, want %s", seen, want)
		}
	}
}

const farAway = "registry.example.com" // which only a proxy finds

func TestProxies(t *testing.T) {
	t.Parallel()
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		p := newProxy(t, s.host)
		fakePullRequests(t, fake, s, 3)
		sh := newShell(t, "HTTP_PROXY="+p.URL, "NO_PROXY=127.0.0.1")
		sh.write(t, "policy.json", allPullRequests)
		sh.want(t, 0, "apply", "-p", "policy.json", farAway+"/"+app, "--plain-http", "--yes")
		wantRelease(t, fake)
		p.wantOnly(t, farAway)
		says(t, newShell(t).want(t, 1, "ls", farAway+"/"+app, "--plain-http", "--timeout", "20s").stderr, "Error: ")
	})
	t.Run("https", func(t *testing.T) {
		t.Parallel()
		fake, certificates := onTLS(t, nil)
		p := newProxy(t, certificates.host)
		sh := newShell(t, "HTTPS_PROXY="+p.URL, "REGRET_CA_FILE="+certificates.ca)
		sh.write(t, "policy.json", allPullRequests)
		sh.want(t, 0, "apply", "-p", "policy.json", farAway+"/"+app, "--yes")
		wantRelease(t, fake)
		p.wantOnly(t, "CONNECT "+farAway+":443")
	})
	t.Run("a proxy that is not there", func(t *testing.T) {
		t.Parallel()
		sh := newShell(t, "HTTPS_PROXY=http://me:"+canary+"@127.0.0.1:1")
		got := sh.want(t, 1, "ls", farAway+"/"+app, "--timeout", "2s")
		if strings.Contains(got.stderr, canary) {
			t.Errorf("stderr has the password of the proxy: %s", got.stderr)
		}
	})
}

// Certificates are files in PEM, and the address of a server that has one of them.
type certificates struct {
	ca, cert, key string
	host          string
}

// onTLS starts an imitated registry behind TLS, which may ask for client certificates, and stores
// images of pull requests.
func onTLS(t *testing.T, configure func(*tls.Config)) (*regrettest.Registry, certificates) {
	t.Helper()
	fake := regrettest.New()
	for i := range 3 {
		tag := fmt.Sprintf("pr-%d", i)
		fake.PutImage(app, regrettest.Image{Layers: []string{tag}}, tag)
	}
	fake.PutImage(app, regrettest.Image{Layers: []string{"release"}}, "1.0.0")
	folder := t.TempDir()
	c := certificates{filepath.Join(folder, "ca.pem"), filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"), ""}
	pair := c.generate(t)
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	server := httptest.NewUnstartedServer(fake)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots}
	if configure != nil {
		configure(server.TLS)
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	c.host = strings.TrimPrefix(server.URL, "https://")
	return fake, c
}

// generate writes a certificate that is its own authority, for servers and clients.
func (c certificates) generate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "regret"}, DNSNames: []string{farAway},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	for path, content := range map[string][]byte{c.ca: certPEM, c.cert: certPEM, c.key: keyPEM} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestTLS(t *testing.T) {
	t.Parallel()
	t.Run("a private authority", func(t *testing.T) {
		t.Parallel()
		fake, c := onTLS(t, nil)
		sh := newShell(t)
		sh.write(t, "policy.json", allPullRequests)
		sh.want(t, 0, "apply", "-p", "policy.json", c.host+"/"+app, "--yes", "--ca-file", c.ca)
		wantRelease(t, fake)
	})
	t.Run("an authority that is not known", func(t *testing.T) {
		t.Parallel()
		fake, c := onTLS(t, nil)
		sh := newShell(t, "HTTPS_PROXY="+newProxy(t, c.host).URL)
		got := sh.want(t, 1, "ls", farAway+"/"+app, "--timeout", "20s")
		says(t, got.stderr, "Error: ", "certificate", "--ca-file")
		if requests := fake.Requests(); len(requests) > 0 {
			t.Errorf("requests were sent: %v", requests)
		}
	})
	t.Run("a client certificate", func(t *testing.T) {
		t.Parallel()
		fake, c := onTLS(t, func(config *tls.Config) { config.ClientAuth = tls.RequireAndVerifyClientCert })
		sh := newShell(t)
		sh.write(t, "policy.json", allPullRequests)
		got := sh.want(t, 1, "ls", c.host+"/"+app, "--ca-file", c.ca, "--timeout", "20s")
		says(t, got.stderr, "Error: ", "certificate required")
		sh.want(t, 0, "apply", "-p", "policy.json", c.host+"/"+app, "--yes", "--ca-file", c.ca, "--cert", c.cert, "--key", c.key)
		wantRelease(t, fake)
	})
	t.Run("files that are none", func(t *testing.T) {
		t.Parallel()
		fake, c := onTLS(t, nil)
		sh := newShell(t)
		for _, flags := range [][]string{
			{"--ca-file", "none.pem"}, {"--ca-file", c.key}, {"--ca-file", c.ca, "--cert", c.cert},
			{"--cert", c.key, "--key", c.cert}, {"--ca-file", c.ca, "--plain-http"}, {"--insecure"},
		} {
			says(t, sh.want(t, 2, append([]string{"ls", c.host + "/" + app}, flags...)...).stderr, "Error: ")
		}
		if requests := fake.Requests(); len(requests) > 0 {
			t.Errorf("requests were sent: %v", requests)
		}
	})
}

func TestCredentialHelpers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script string
		code   int
		says   string
	}{
		"one that works":     {"echo '{\"Username\":\"me\",\"Secret\":\"" + canary + "\"}'", 0, ""},
		"one that is absent": {"", 4, "docker-credential-broken"},
		"one that fails":     {"echo 'the safe is locked'; exit 1", 4, "docker-credential-broken"},
		"no JSON":            {"echo no", 4, "docker-credential-broken"},
		"nothing for it":     {"echo 'credentials not found in native keychain'; exit 1", 4, "no credentials"},
		"one that waits":     {"exec sleep 100", 1, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec", regrettest.WithBasicAuth("me", canary))
			fake.PutImage(app, regrettest.Image{}, "1.0")
			sh := newShell(t)
			sh.write(t, ".docker/config.json", `{"credsStore":"broken"}`)
			if test.script != "" {
				helper := sh.write(t, "bin/docker-credential-broken", "#!/bin/sh\n"+test.script+"\n")
				if err := os.Chmod(helper, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			sh = sh.with("PATH=" + filepath.Join(sh.folder, "bin") + ":" + os.Getenv("PATH"))
			timeout := "1m"
			if name == "one that waits" {
				timeout = "1s"
			}
			got := sh.want(t, test.code, "resolve", s.name()+":1.0", "--timeout", timeout)
			says(t, got.stderr, test.says)
			if strings.Contains(got.stdout+got.stderr, canary) {
				t.Errorf("the password is shown: %s", got.stderr)
			}
		})
	}
}

// TestCredentialsThatExpire revokes all tokens between two deletions: the command gets new ones. If
// the password is not good any more either, it stops, and goes on with a new one.
func TestCredentialsThatExpire(t *testing.T) {
	t.Parallel()
	t.Run("a token", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec", regrettest.WithTokenAuth("me", canary))
		sh := pullRequestsWithLogin(t, fake, s, 6)
		fake.Inject(1, http.MethodDelete, "/v2/"+app+"/manifests/*", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			fake.RevokeTokens()
			next.ServeHTTP(w, req)
		})
		sh.want(t, 0, "apply", "-p", "policy.json", s.name(), "--yes", "-j", "1")
		wantRelease(t, fake)
	})
	t.Run("a password", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec", regrettest.WithBasicAuth("me", canary))
		sh := pullRequestsWithLogin(t, fake, s, 6)
		sh.want(t, 0, "plan", "-p", "policy.json", s.name(), "--out", "plan.json")
		fake.Inject(1, http.MethodDelete, "/v2/"+app+"/manifests/*", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			next.ServeHTTP(w, req)
			fake.Inject(0, "", "/v2/*", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				w.Header().Set("WWW-Authenticate", `Basic realm="again"`)
				w.WriteHeader(http.StatusUnauthorized)
			})
		})
		got := sh.want(t, 3, "apply", "plan.json", "-j", "1")
		says(t, got.stdout+got.stderr, "deleted 1", "not attempted")
		fake.Inject(0, "", "/v2/*", nil)
		sh.want(t, 0, "apply", "plan.json")
		wantRelease(t, fake)
	})
}

// pullRequestsWithLogin stores images, and returns a shell with a policy and a login.
func pullRequestsWithLogin(t *testing.T, fake *regrettest.Registry, s *site, n int) *shell {
	t.Helper()
	for i := range n {
		tag := fmt.Sprintf("pr-%d", i)
		fake.PutImage(app, regrettest.Image{Layers: []string{tag}}, tag)
	}
	fake.PutImage(app, regrettest.Image{Layers: []string{"release"}}, "1.0.0")
	sh := newShell(t, "REGRET_USERNAME=me", "REGRET_PASSWORD="+canary, "REGRET_REGISTRY="+s.host)
	sh.write(t, "policy.json", allPullRequests)
	return sh
}
