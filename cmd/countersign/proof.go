package main

import "github.com/spf13/cobra"

func newProof(env *environment) *cobra.Command {
	return group("proof", "check what a phone has approved", newProofVerify(env))
}
