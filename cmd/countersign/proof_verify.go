package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"countersign/api/rp"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

func newProofVerify(env *environment) *cobra.Command {
	v := &proofVerify{env: env}
	cmd := &cobra.Command{
		Use: "verify [FILE|-]", Short: "check the proof of an operation, without any server", Args: cobra.MaximumNArgs(1),
		Long: `Checks what GET /operations/{operationId} answered once it was done, or its member proof alone: that the
key has signed the text, and that the text is of an approval of just this display. Says of each thing
looked at whether it holds, and prints what was approved, by which key and when. Exits 0 if all holds.
Nothing is asked of anybody.

The key comes with the proof, so a proof that holds says that whoever has that key has approved, and
not yet who that is: compare the key with one known from elsewhere, as by --jwk-thumbprint. What else
is known before, such as the data that should have been approved, is compared by the other flags.`,
		Example: "  curl -su shop:SECRET https://login.example.com/operations/op_… | countersign proof verify --service shop --data 'A1*A100EUR'",
	}
	cmd.Flags().Var((*issuerURL)(&v.judge.Issuer), "issuer", "the server's public `URL` that should be signed; default: not compared")
	cmd.Flags().StringVar(&v.judge.ServiceID, "service", "", "the `ID` of the service that should be signed; default: not compared")
	data := cmd.Flags().String("data", "", "the `TEXT` that should be approved; default: not compared")
	cmd.Flags().StringVar(&v.judge.Thumbprint, "jwk-thumbprint", "", "the `THUMBPRINT` (RFC 7638) of the key that should have signed; default: not compared")
	jsonFlag(cmd, &v.asJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("data") {
			v.judge.Data = data
		}
		return v.run(args)
	}
	return cmd
}

// A proofVerify is one run of proof verify.
type proofVerify struct {
	env    *environment
	judge  rp.Judge
	asJSON bool
}

func (v *proofVerify) run(args []string) error {
	b, err := v.read(args)
	if err != nil {
		return err
	}
	p, err := parseProof(b)
	if err != nil {
		return err
	}
	j := judgeProof(v.judge, p)
	if err := v.print(j); err != nil {
		return err
	}
	if j.Good {
		return nil
	}
	return failf("the proof does not hold: %s", wrongs(j.Checks))
}

// maxProof is more than any proof of ours is long.
const maxProof = 256 << 10

func (v *proofVerify) read(args []string) ([]byte, error) {
	in := v.env.Stdin
	if len(args) == 1 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxProof+1))
	if err == nil && len(b) > maxProof {
		err = failf("it is longer than %d bytes", maxProof)
	}
	return b, err
}

// A proven is a proof, and the operation that it came with, if it did.
type proven struct {
	operation *rp.Ordered
	proof     rp.Proof
}

// parseProof reads an operation or its proof. It is strict: what one reader takes
// for another thing than the next proves nothing.
func parseProof(b []byte) (p proven, err error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(b, &members); err != nil {
		return p, hint(failf("it is not one JSON object: %s", reason(err)), "give what GET /operations/{operationId} answered, or its member proof")
	}
	if _, bare := members["text"]; bare {
		err = json.Unmarshal(b, &p.proof)
	} else {
		p.operation = &rp.Ordered{}
		err = json.Unmarshal(b, p.operation)
	}
	switch {
	case err != nil:
		return p, failf("it is no operation, and no proof of one: %s", reason(err))
	case p.operation == nil:
	case p.operation.Proof != nil:
		p.proof = *p.operation.Proof
	case p.operation.ID == "":
		return p, hint(failf("it has neither a text nor a proof"), "give what GET /operations/{operationId} answered, or its member proof")
	case p.operation.Result == rp.Done && confirmed(*p.operation, "offline") && !confirmed(*p.operation, "device"):
		return p, failf("the operation has no proof: it was approved by a code that was typed, which is no signature")
	case p.operation.Result == rp.Done:
		return p, failf("the operation has no proof: its service knows its users by ids of their own")
	default:
		return p, failf("the operation has no proof: its result is %q", plain(string(p.operation.Result)))
	}
	return p, nil
}

// confirmed says whether a method has confirmed a step of an operation.
func confirmed(v rp.Ordered, method string) bool {
	return slices.ContainsFunc(v.History, func(e rp.Entry) bool {
		return e.Method == method && e.StepResult == "CONFIRMED"
	})
}

// reason is why JSON could not be read, without what stands there.
func reason(err error) string {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.JSONPointer != "" {
		return plain("not of its type: " + string(semantic.JSONPointer))
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return fmt.Sprintf("at byte %d: %s", syntactic.ByteOffset, plain(syntactic.Err.Error()))
	}
	return "not of its form"
}

// print shows what was found and, if all holds, what was approved.
func (v *proofVerify) print(j proofJudgement) error {
	if v.asJSON {
		text, err := harmlessJSON(j)
		fmt.Fprint(v.env.Stdout, text)
		return err
	}
	if err := writePairs(v.env.Stdout, findingPairs(j.Checks)...); err != nil || j.Approved == nil {
		return err
	}
	a := j.Approved
	pairs := [][2]string{{"approved", a.At}, {"by", a.User}, {"phone", a.Phone}, {"key", a.Thumbprint}, {"for", a.ServiceName + " (" + a.Service + ")"}, {"session", a.Session}, {"operation", a.Operation}, {"data", a.Data}}
	for i := range pairs {
		pairs[i][1] = plain(pairs[i][1])
	}
	if len(a.Form) > 0 {
		name := "shown"
		for _, line := range formLines(a.Form) {
			pairs, name = append(pairs, [2]string{name, line}), ""
		}
	}
	fmt.Fprintln(v.env.Stdout)
	return writePairs(v.env.Stdout, pairs...)
}
