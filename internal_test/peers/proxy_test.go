package peers_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// A9: the packet filter of docs/operation.md, as it stands there, bounds what comes from one
// address. Clients that are connected and clients from elsewhere do not notice.
func TestA9FilterForOneAddress(t *testing.T) {
	t.Parallel()
	ownNetwork(t, "nft")
	d := daemon.Start(t)
	_, port, _ := net.SplitHostPort(d.Address)
	filter(t, strings.ReplaceAll(block(t, "table inet chatd {"), "5378", port))
	p := d.LoginPair(t)
	const most = 100 // at a time from one address, as the filter has it
	dialer := net.Dialer{Timeout: 100 * time.Millisecond, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, 1)}}
	for n := 0; ; n++ {
		conn, err := dialer.DialContext(context.Background(), "tcp", d.Address)
		if err != nil {
			break
		}
		defer conn.Close()
		if n > most {
			t.Fatalf("%d connections from one address, expected at most %d", n, most)
		}
	}
	p.Talk(10)
	d.Login(t, "elsewhere", daemon.From("127.0.1.2"))
}

// TestTLSInFront: with the configuration of docs/operation.md, stunnel(8) brings TLS clients to the
// server.
func TestTLSInFront(t *testing.T) {
	t.Parallel()
	stunnel, err := exec.LookPath("stunnel4")
	if err != nil {
		t.Skipf("this test needs stunnel: %v", err)
	}
	d, folder := daemon.Start(t), t.TempDir()
	trusted := certify(t, folder)
	address := "127.0.0.1:" + daemon.ReservePort(t)
	configuration := strings.NewReplacer("/etc/stunnel", folder, "0.0.0.0:5379", address, "127.0.0.1:5378", d.Address,
		"setuid = stunnel4\n", "", "setgid = stunnel4\n", "pid =\n",
	).Replace(block(t, "; /etc/stunnel/chat.conf"))
	path := filepath.Join(folder, "chat.conf")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := daemon.Launch(t, exec.Command(stunnel, path)) // ends with the test
	var conn *tls.Conn
	daemon.Await(t, "stunnel listens", func() bool {
		if proxy.HasEnded() {
			t.Fatalf("stunnel has ended: %s", proxy.Stderr)
		}
		conn, err = tls.Dial("tcp", address, &tls.Config{RootCAs: trusted, ServerName: "chat.example"})
		return err == nil
	})
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(daemon.Patience))
	fmt.Fprint(conn, "HELLO-FROM alice\nLIST\n")
	lines := bufio.NewReader(conn)
	for _, expected := range []string{"HELLO alice\n", "LIST-OK alice\n"} {
		if line, err := lines.ReadString('\n'); line != expected {
			t.Fatalf("through stunnel came %q (%v), expected %q", line, err, expected)
		}
	}
}

// certify writes a key and a certificate for chat.example, and returns whom to trust for it.
func certify(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"chat.example"}, NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]*pem.Block{
		"chat.pem": {Type: "CERTIFICATE", Bytes: certificate}, "chat.key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(part), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		t.Fatal(err)
	}
	trusted.AddCert(parsed)
	return trusted
}

// block is the indented block of docs/operation.md that begins with a line.
func block(t *testing.T, first string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n    "+first+"\n")
	if !found {
		t.Fatalf("docs/operation.md has no block that begins with %q", first)
	}
	block := first + "\n"
	for line := range strings.Lines(rest) {
		indented, ok := strings.CutPrefix(line, "    ")
		if !ok && line != "\n" {
			break
		}
		block += strings.TrimSuffix(indented, "\n") + "\n"
	}
	return block
}
