package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"countersign/test/redistest"

	"github.com/rogpeppe/go-internal/testscript"
)

// The command line is tested as users meet it: testdata/*.txt are scripts that
// run the real program. Their golden parts are written anew by
// `go test ./cmd/countersign -update`.

var update = flag.Bool("update", false, "write the golden parts of testdata/*.txt anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"countersign": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"begin":  cmdBegin,
			"await":  cmdAwait,
			"answer": cmdAnswer,
			"signal": cmdSignal,
			"finish": cmdFinish,
			"redis":  cmdRedis,
			"port":   cmdPort,
			"scrub":  cmdScrub,
			"mode":   cmdMode,
			"write":  cmdWrite,
			"wrong":  cmdWrong,
			"get":    cmdGet,
			"take":   cmdTake,
		},
	})
}

// setUp gives each script a home of its own, and a place for its programs.
func setUp(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
	env.Values["t"] = env.T()
	env.Values["programs"] = map[string]*program{}
	return nil
}

// cmdRedis starts a real redis-server: redis [ARGUMENT…]. $COUNTERSIGN_REDIS__URL
// is where it is.
func cmdRedis(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! redis")
	}
	server := redistest.Start(ts.Value("t").(testing.TB), args...)
	ts.Setenv("COUNTERSIGN_REDIS__URL", server.URL())
}

// cmdPort finds free ports: port NAME….
func cmdPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! port")
	}
	for _, name := range args {
		ts.Setenv(name, strconv.Itoa(redistest.FreePort(ts.Value("t").(testing.TB))))
	}
}

// cmdMode checks or, given a mode, changes the permissions of the one file a
// pattern matches: mode PATTERN 0600; mode = PATTERN 0644.
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	change := len(args) == 3 && args[0] == "="
	if neg || !change && len(args) != 2 {
		ts.Fatalf("usage: mode [=] pattern mode")
	}
	args = args[len(args)-2:]
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%d files match %s", len(files), args[0])
	}
	mode, err := strconv.ParseUint(args[1], 8, 32)
	ts.Check(err)
	if change {
		ts.Check(os.Chmod(files[0], os.FileMode(mode)))
		return
	}
	info, err := os.Stat(files[0])
	ts.Check(err)
	if info.Mode().Perm() != os.FileMode(mode) {
		ts.Fatalf("%s has mode %04o", files[0], info.Mode().Perm())
	}
}

// cmdWrite makes a file of one line: write FILE TEXT.
func cmdWrite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: write file text")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(args[1]+"\n"), 0o600))
}

// cmdWrong makes a code that is not the given one: wrong CODE. $WRONG is it.
func cmdWrong(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] == "" {
		ts.Fatalf("usage: wrong code")
	}
	ts.Setenv("WRONG", string('0'+(args[0][0]-'0'+1)%10)+args[0][1:])
}

// varying is what is different each time, and what stands for it in golden
// files. Order counts.
var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`(?m)^[0-9a-f]{100,}$`), "HEX"},
	{regexp.MustCompile(`(sess|tok|dev)_[A-Za-z0-9_-]{22}`), "${1}_X"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`"(exp|iat|auth_time)": \d+`), `"$1": SECONDS`},
	{regexp.MustCompile(`\?t=\d+&c=[A-Za-z0-9_-]{16}`), "?t=T&c=C"},
	{regexp.MustCompile(`(localhost|127\.0\.0\.1):\d+`), "$1:PORT"},
	{regexp.MustCompile(`\b\d{3} \d{3}\b`), "CODE"},
	{regexp.MustCompile(`(?m)^\d{6}$`), "CODE"},
	{regexp.MustCompile(`\b[A-Z2-7]{5}(-[A-Z2-7]{5}){3}\b`), "ENROLMENT-CODE"},
	{regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{22}(\n----- end)`), "NONCE$1"},
	{regexp.MustCompile(`"[A-Za-z0-9_-]{22}"`), `"JTI"`},
	{regexp.MustCompile(`(?m)^\d{10}$`), "SECONDS"},
	{regexp.MustCompile(`"[0-9a-f]{32}"`), `"RANDOM"`},
	{regexp.MustCompile(`[A-Za-z0-9_-]{43}`), "DIGEST"},
	{regexp.MustCompile(`-[0-9a-f]{16}\.json`), "-ISSUER.json"},
	{regexp.MustCompile(`, \d+ bytes`), ", N bytes"},
	{regexp.MustCompile(`\d+ days ago`), "DAYS ago"},
	{regexp.MustCompile(`(?m)^([│ ]   [├└]── \S.*?) {2,}`), "$1  "}, // columns as wide as ports are long
	{regexp.MustCompile(`(?m) +$`), ""},
}

// cmdScrub makes a file golden: scrub FILE TO. FILE may be stdout or stderr.
func cmdScrub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: scrub file to")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "$WORK")
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}
