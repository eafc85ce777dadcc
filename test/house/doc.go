// Package house holds the rules of this house as tests: which room may import which, how code is written, what the
// repository may say about the world around it, and that what the documents say of dependencies and of tests is true. It
// reads the source tree and runs nothing of it, so a rule that breaks names the file and the line.
//
// A rule is a value (see rule in house_test.go) with two synthetic trees beside it: one that it must refuse and one that
// it must accept, so no rule can go blind unnoticed. To add a rule, add it to the list of its file.
package house
