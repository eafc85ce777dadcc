package main

import (
	"io"
	"strings"

	"rsc.io/qr"
)

// quiet is the margin around the code, in modules: ISO 18004 asks for four, two
// are enough for every camera tried, and a terminal is small.
const quiet = 2

// writeQR draws text as a QR code, two modules to a character. With colours it
// is black on white whatever the terminal's own are; without, it counts on
// light letters on a dark ground.
func writeQR(w io.Writer, text string, colours bool) error {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, drawQR(code.Size, code.Black, colours))
	return err
}

// drawQR draws the modules of a square that is dark where black says so.
func drawQR(size int, black func(x, y int) bool, colours bool) string {
	var b strings.Builder
	for y := -quiet; y < size+quiet; y += 2 {
		if colours {
			b.WriteString("\x1b[30;47m")
		}
		for x := -quiet; x < size+quiet; x++ {
			// The ink is the letter's colour: dark with colours, light without.
			upper, lower := black(x, y) == colours, black(x, y+1) == colours
			if y+1 >= size+quiet {
				lower = false // beyond the margin
			}
			b.WriteString(halfBlock(upper, lower))
		}
		if colours {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func halfBlock(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}
