package process_test

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// TestPackage: the package that is built in one folder is, byte for byte, the one that is built in
// another. Installed, it is a program that tells its commit and needs nothing, with its units and
// its manual; purged, it leaves nothing. lintian finds no error in it.
func TestPackage(t *testing.T) {
	t.Parallel()
	needPackageTools(t)
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
	expectLinksIn(t, filepath.Join(unpacked[0], "usr/share/doc/chatd"))
	t.Run("lintian", func(t *testing.T) {
		if _, err := exec.LookPath("lintian"); err != nil {
			t.Skipf("this test needs lintian: %v", err)
		}
		tool(t, "", "lintian", "--allow-root", "--fail-on", "error", first)
	})
	t.Run("installed", func(t *testing.T) { testInstallation(t, first) })
}

// TestPackageVersions: what is newer sorts higher, and changes that are in no commit are told. (Only the
// version matters here, so nothing is compiled.)
func TestPackageVersions(t *testing.T) {
	needPackageTools(t)
	compiler := t.TempDir()
	const script = "#!/bin/sh\nif [ $1 = env ]; then echo amd64; else for file; do test \"$last\" = -o && install -D /dev/null \"$file\"; last=$file; done; fi\n"
	if err := os.WriteFile(filepath.Join(compiler, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", compiler+":"+os.Getenv("PATH"))
	folder := copyOfTree(t)
	var versions []string
	build := func() {
		t.Helper()
		path, _ := buildPackage(t, folder)
		versions = append(versions, strings.TrimSpace(tool(t, "", "dpkg-deb", "-f", path, "Version")))
	}
	commit := func() { // all have one date, and their hashes do not rise
		tool(t, folder, "git", "-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "more")
	}
	for range 11 { // from 1 commit to 11: "10" is less than "9" as a text
		build()
		commit()
	}
	if err := os.WriteFile(filepath.Join(folder, "docs/new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	build()
	if last := versions[len(versions)-1]; !strings.HasSuffix(last, "+dirty") {
		t.Errorf("with a change that is in no commit the version is %s", last)
	}
	tool(t, folder, "git", "clean", "-fdq")
	for _, tag := range []string{"v1.2.0-rc1", "", "v1.2.0-rc2", "v1.2.0", "", "v1.2.1"} {
		commit()
		if tag != "" {
			tool(t, folder, "git", "tag", tag)
		}
		build()
	}
	if last := versions[len(versions)-1]; last != "1.2.1" {
		t.Errorf("v1.2.1 is version %s", last)
	}
	for i := range versions[1:] {
		if exec.Command("dpkg", "--compare-versions", versions[i], "lt", versions[i+1]).Run() != nil {
			t.Errorf("%s is not older than %s; all: %q", versions[i], versions[i+1], versions)
		}
	}
	t.Log(versions)
}

// TestPackageForAnotherMachine: GOARCH alone makes the package of another machine.
func TestPackageForAnotherMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles Go's library for another machine")
	}
	needPackageTools(t)
	t.Setenv("GOARCH", "arm64")
	path, _ := buildPackage(t, copyOfTree(t))
	unpacked := t.TempDir()
	tool(t, "", "dpkg-deb", "-x", path, unpacked)
	program, err := elf.Open(filepath.Join(unpacked, "usr/bin/chatd"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	arch := strings.TrimSpace(tool(t, "", "dpkg-deb", "-f", path, "Architecture"))
	if arch != "arm64" || !strings.HasSuffix(path, "_arm64.deb") || program.Machine != elf.EM_AARCH64 {
		t.Errorf("%s is for %s and has an executable for %v", path, arch, program.Machine)
	}
}

func needPackageTools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"git", "dpkg", "dpkg-deb", "install", "gzip", "md5sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this test needs %s: %v", tool, err)
		}
	}
}

// expectLinksIn expects that each page below a folder refers only to files that are there, or to the net.
func expectLinksIn(t *testing.T, folder string) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil || len(pages) < 2 {
		t.Fatalf("%s has the pages %q (%v)", folder, pages, err)
	}
	for _, page := range pages {
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllSubmatch(contents(t, page), -1) {
			if _, err := os.Stat(filepath.Join(folder, string(link[1]))); err != nil {
				t.Errorf("%s refers to %s, which is not in the package", filepath.Base(page), link[1])
			}
		}
	}
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
		"usr/share/doc/chatd/changelog.gz", "usr/share/doc/chatd/protocol.md", "etc/default/chatd",
	} {
		if !strings.Contains(installed, "/"+file+"\n") {
			t.Errorf("%s is not installed:\n%s", file, installed)
		}
	}
	if said := tool(t, "", filepath.Join(root, "usr/bin/chatd"), "--version"); !strings.HasPrefix(said, "chatd ") {
		t.Errorf("the installed chatd --version says %q", said)
	}
	dpkg("--remove", "chatd")
	if left := tree(t, root); !strings.Contains(left, "/etc/default/chatd\n") || strings.Contains(left, "/usr") {
		t.Errorf("after the removal there is:\n%sexpected only what an administrator has configured", left)
	}
	dpkg("--purge", "chatd")
	if after := tree(t, root); after != before {
		t.Errorf("after the purge there is:\n%sand before the installation there was:\n%s", after, before)
	}
}

// TestImage: what docs/packaging/Dockerfile runs to build, with no engine for images at hand, makes
// an executable that needs no other file; TestG12NothingButTheExecutable starts such a one. The
// flags that the image gives it are good.
func TestImage(t *testing.T) {
	t.Parallel()
	file := string(contents(t, "../../docs/packaging/Dockerfile"))
	build := regexp.MustCompile(`(?m)^RUN CGO_ENABLED=0 GOOS=\$TARGETOS GOARCH=\$TARGETARCH (go build .*) -o /chatd \.$`).FindStringSubmatch(file)
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
	notSent := string(contents(t, "../../docs/packaging/Dockerfile.dockerignore"))
	for _, pattern := range strings.Fields(string(contents(t, "../../.gitignore"))) {
		if !strings.Contains(notSent, strings.Trim(pattern, "/")+"\n") {
			t.Errorf("git ignores %s, and the image's builder gets it", pattern)
		}
	}
	for _, line := range []string{`ENTRYPOINT ["/chatd", "--address", "0.0.0.0"]`, `HEALTHCHECK --interval=30s --timeout=10s CMD ["/chatd", "--probe", "127.0.0.1:5378"]`, "USER 65534:65534", "STOPSIGNAL SIGTERM", "EXPOSE 5378"} {
		if !strings.Contains(file, "\n"+line+"\n") {
			t.Errorf("the image has no line %s", line)
		}
	}
}

// TestImageRuns: the image's last stage is built, with an executable in place of the first one, which needs
// the image of Go. Started as an engine does, as process 1 with the image's user and entry point and flags
// after it, the server is reachable from outside, its health check succeeds, and its signal stops it.
func TestImageRuns(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("buildah"); err != nil || os.Geteuid() != 0 {
		t.Skipf("this test needs root and buildah: %v", err)
	}
	storage, stage := t.TempDir(), t.TempDir()
	buildah := func(arguments ...string) string {
		t.Helper()
		return strings.TrimSpace(tool(t, "", "buildah", append([]string{
			"--root", storage + "/root", "--runroot", storage + "/run", "--storage-driver", "vfs",
		}, arguments...)...))
	}
	tool(t, "", "cp", daemon.Binary(t), stage+"/chatd")
	buildah("build", "-q", "--isolation", "chroot", "--format", "docker", "--build-context", "build="+stage, "--build-arg", "REVISION=abc",
		"-f", "../../docs/packaging/Dockerfile", "-t", "chatd", "../../docs/packaging")
	var image struct {
		Docker struct {
			Config struct {
				User, StopSignal string
				Entrypoint, Cmd  []string
				Labels           map[string]string
				Healthcheck      struct{ Test []string }
			}
		}
	}
	if err := json.Unmarshal([]byte(buildah("inspect", "--type", "image", "chatd")), &image); err != nil {
		t.Fatal(err)
	}
	config := image.Docker.Config
	if config.Labels["org.opencontainers.image.revision"] != "abc" || config.User != "65534:65534" || config.StopSignal != "SIGTERM" {
		t.Errorf("the image is %+v", config)
	}
	root := buildah("mount", buildah("from", "--pull-never", "chatd"))
	t.Cleanup(func() { buildah("umount", "--all") })
	inside := func(arguments []string, flags uintptr) *exec.Cmd {
		command := exec.Command(arguments[0])
		command.Args = arguments
		command.Dir, command.Env = "/", []string{}
		command.SysProcAttr = &syscall.SysProcAttr{
			Chroot: root, Cloneflags: flags, Credential: &syscall.Credential{Uid: 65534, Gid: 65534},
		}
		return command
	}
	d := daemon.Launch(t, inside(append(config.Entrypoint, "--port", "0", "--login-timeout", "30s"), syscall.CLONE_NEWPID))
	d.AwaitReady(t)
	_, port, found := strings.Cut(d.Address, "0.0.0.0:")
	if !found {
		t.Fatalf("it listens on %s", d.Address)
	}
	daemon.Dial(t, "127.0.0.1:"+port).Login("alice")
	health := inside(config.Healthcheck.Test[1:], 0) // without "CMD"
	health.Args[len(health.Args)-1] = "127.0.0.1:" + port
	if output, err := health.CombinedOutput(); err != nil {
		t.Errorf("the health check: %v, %s", err, output)
	}
	d.Signal(t, syscall.SIGTERM)
	if status := d.Wait(t); status != 0 {
		t.Errorf("exit status %d", status)
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
	for _, part := range []string{".gitignore", "go.mod", "go.sum", "main.go", "LICENSE", "state", "protocol", "poller", "docs"} {
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
