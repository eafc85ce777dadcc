// Command countersign is a self-hosted login and approval server, and its tools.
package main

func main() {}
