// Command peer is Go's side of the pairwise suite: `peer server ADDRESS [CERTIFICATE KEY]` and `peer client`.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	var err error
	switch words := os.Args[1:]; {
	case len(words) == 1 && words[0] == "client":
		err = client()
	case len(words) >= 2 && words[0] == "server":
		err = server(words[1], words[2:])
	default:
		err = fmt.Errorf("wants `client` or `server ADDRESS [CERTIFICATE KEY]`")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// period of the pattern that all peers use: byte number i is i modulo it.
const period = 251

// pattern reads as so many bytes of the pattern.
type pattern struct{ at, length int64 }

func (p *pattern) Read(to []byte) (int, error) {
	if p.at >= p.length {
		return 0, io.EOF
	}
	count := min(int64(len(to)), p.length-p.at)
	for i := range to[:count] {
		to[i] = byte((p.at + int64(i)) % period)
	}
	p.at += count
	return int(count), nil
}
