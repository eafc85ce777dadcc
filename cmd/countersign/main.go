// Countersign is a self-hosted login and approval server, and its tools: a
// server for development, a browser and a phone in the terminal, and what an
// operator needs. `countersign help` lists them.
package main

import "os"

// version is the release; the linker sets it.
var version = ""

func main() {
	os.Exit(run(&environment{
		Program: os.Args[0], Args: os.Args[1:], Environ: os.Environ(), ConfigDir: os.UserConfigDir,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}
