package process_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPackage: the package that is built in one folder is, byte for byte, the one that is built in
// another. Installed, it is a program that tells its commit and needs nothing, with its units and
// its manual; removed, it leaves nothing.
func TestPackage(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"git", "dpkg", "dpkg-deb", "install", "gzip", "md5sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this test needs %s: %v", tool, err)
		}
	}
	first, commit := buildPackage(t, copyOfTree(t))
	second, _ := buildPackage(t, copyOfTree(t))
	if filepath.Base(first) != filepath.Base(second) {
		t.Fatalf("the packages are called %s and %s, expected one name", first, second)
	}
	unpacked := []string{t.TempDir(), t.TempDir()}
	for i, path := range []string{first, second} {
		tool(t, "", "dpkg-deb", "-x", path, unpacked[i])
	}
	if !bytes.Equal(contents(t, unpacked[0]+"/usr/bin/chatd"), contents(t, unpacked[1]+"/usr/bin/chatd")) {
		t.Error("the executables differ, though the commit is one")
	}
	if !bytes.Equal(contents(t, first), contents(t, second)) {
		t.Error("the packages differ, though the commit is one")
	}
	program := filepath.Join(unpacked[0], "usr/bin/chatd")
	if said := tool(t, "", program, "--version"); !strings.Contains(said, commit) || !strings.Contains(said, "go1.") {
		t.Errorf("--version says %q, expected commit %s and the version of Go", said, commit)
	}
	expectStatic(t, program)
	t.Run("installed", func(t *testing.T) { testInstallation(t, first) })
}

// testInstallation installs the package below a folder, where no package is, and removes it again.
func testInstallation(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may install a package")
	}
	root := t.TempDir()
	for _, folder := range []string{"updates", "info"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The scripts run outside the folder. There must be no systemd that they could talk to.
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("systemd runs here, and the package's scripts would reach it")
	}
	dpkg := func(arguments ...string) {
		t.Helper()
		tool(t, "", "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--log=/dev/null"}, arguments...)...)
	}
	before := tree(t, root)
	dpkg("-i", path)
	installed := tree(t, root)
	for _, file := range []string{
		"usr/bin/chatd", "lib/systemd/system/chatd.service", "lib/systemd/system/chatd.socket", "usr/share/man/man8/chatd.8.gz",
		"usr/share/bash-completion/completions/chatd", "usr/share/doc/chatd/copyright",
	} {
		if !strings.Contains(installed, "/"+file+"\n") {
			t.Errorf("%s is not installed:\n%s", file, installed)
		}
	}
	if said := tool(t, "", filepath.Join(root, "usr/bin/chatd"), "--version"); !strings.HasPrefix(said, "chatd ") {
		t.Errorf("the installed chatd --version says %q", said)
	}
	dpkg("--remove", "chatd")
	dpkg("--purge", "chatd")
	if after := tree(t, root); after != before {
		t.Errorf("after the removal there is:\n%sand before the installation there was:\n%s", after, before)
	}
}

// TestImage: what docs/packaging/Dockerfile runs to build, with no engine for images at hand, makes
// an executable that needs no other file; TestG12NothingButTheExecutable starts such a one. The
// flags that the image gives it are good.
func TestImage(t *testing.T) {
	t.Parallel()
	file := string(contents(t, "../../docs/packaging/Dockerfile"))
	build := regexp.MustCompile(`(?m)^RUN CGO_ENABLED=0 (go build .*) -o /chatd \.$`).FindStringSubmatch(file)
	if build == nil || !strings.Contains(file, "\nFROM scratch\nCOPY --from=build /chatd /chatd\n") {
		t.Fatalf("this test does not know the image:\n%s", file)
	}
	program := filepath.Join(t.TempDir(), "chatd")
	command := exec.Command("sh", "-c", build[1]+` -o "$0" chatd`, program)
	command.Env = append(command.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, output)
	}
	expectStatic(t, program)
	for _, line := range []string{`ENTRYPOINT ["/chatd", "--address", "0.0.0.0"]`, `HEALTHCHECK --interval=30s --timeout=10s CMD ["/chatd", "--probe", "127.0.0.1:5378"]`, "USER 65534:65534", "STOPSIGNAL SIGTERM", "EXPOSE 5378"} {
		if !strings.Contains(file, "\n"+line+"\n") {
			t.Errorf("the image has no line %s", line)
		}
	}
}

// expectStatic expects an executable that needs no interpreter and no library.
func expectStatic(t *testing.T, path string) {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has a part of type %v, so it needs other files to start", path, part.Type)
		}
	}
}

// copyOfTree copies all that a package is built from to a folder of its own, and commits it there:
// the same commit each time.
func copyOfTree(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, part := range []string{"go.mod", "go.sum", "main.go", "LICENSE", "state", "protocol", "poller", "docs"} {
		tool(t, "", "cp", "-R", "../../"+part, folder)
	}
	others, err := filepath.Glob("../../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range others {
		tool(t, "", "cp", file, folder)
	}
	for _, arguments := range [][]string{
		{"init", "-q"}, {"add", "-A"}, {"-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "commit", "-q", "-m", "all"},
	} {
		tool(t, folder, "git", arguments...)
	}
	return folder
}

// buildPackage builds the package of a copy, and returns where it is and of which commit.
func buildPackage(t *testing.T, folder string) (path, commit string) {
	t.Helper()
	path = strings.TrimSpace(tool(t, folder, "docs/packaging/build-deb", t.TempDir()))
	return path, strings.TrimSpace(tool(t, folder, "git", "rev-parse", "HEAD"))
}

// tool runs a tool in a folder and returns what it says.
func tool(t *testing.T, folder, name string, arguments ...string) string {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = folder
	command.Env = append(command.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@localhost", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@localhost", "GIT_COMMITTER_DATE=1700000000 +0000")
	var said, complaints bytes.Buffer
	command.Stdout, command.Stderr = &said, &complaints
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", command, err, said.String(), complaints.String())
	}
	return said.String()
}

// tree is all files below a folder but those in which dpkg keeps its own accounts.
func tree(t *testing.T, folder string) string {
	t.Helper()
	return tool(t, folder, "find", ".", "-path", "./var/lib/dpkg", "-prune", "-o", "-print")
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
