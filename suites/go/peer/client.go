package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"
)

// request is a case as it comes in, a line of JSON.
type request struct {
	ID       string      `json:"id"`
	URL      string      `json:"url"`
	Method   string      `json:"method"`
	Headers  [][2]string `json:"headers"`
	Body     *int64      `json:"body"`
	Chunked  bool        `json:"chunked"`
	Protocol string      `json:"protocol"`
	CA       string      `json:"ca"`
}

// result is what came of a case.
type result struct {
	ID      string      `json:"id"`
	Error   string      `json:"error,omitempty"`
	Status  int         `json:"status"`
	Version string      `json:"version"`
	Headers [][2]string `json:"headers"`
	Length  int         `json:"length"`
	SHA256  string      `json:"sha256"`
	Text    string      `json:"text"`
}

// client answers every case with one line.
func client() error {
	clients := map[string]*http.Client{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var one request
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return err
		}
		key := one.Protocol + " " + one.CA
		if clients[key] == nil {
			made, err := newClient(one)
			if err != nil {
				return err
			}
			clients[key] = made
		}
		got, err := one.do(clients[key])
		if err != nil {
			got = result{Error: err.Error()}
		}
		got.ID = one.ID
		if err := out.Encode(got); err != nil {
			return err
		}
	}
	return lines.Err()
}

// newClient makes a client of the protocol that the case wants; it keeps its connections.
func newClient(one request) (*http.Client, error) {
	transport := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	switch one.Protocol {
	case "h1":
		transport.Protocols.SetHTTP1(true)
	case "h2":
		transport.Protocols.SetHTTP2(true)
	case "h2c":
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	if one.CA != "" {
		text, err := os.ReadFile(one.CA)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(text)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: stay}, nil
}

func (one *request) do(client *http.Client) (result, error) {
	var body io.Reader
	if one.Body != nil {
		body = &pattern{length: *one.Body}
		if one.Chunked {
			body = struct{ io.Reader }{body}
		} else if *one.Body == 0 {
			body = http.NoBody
		}
	}
	request, err := http.NewRequest(one.Method, one.URL, body)
	if err != nil {
		return result{}, err
	}
	if one.Body != nil && !one.Chunked {
		request.ContentLength = *one.Body
	}
	for _, field := range one.Headers {
		request.Header.Add(field[0], field[1])
	}
	response, err := client.Do(request)
	if err != nil {
		return result{}, err
	}
	defer response.Body.Close()
	var data bytes.Buffer
	digest := sha256.New()
	length, err := io.Copy(io.MultiWriter(digest, limited(&data)), response.Body)
	if err != nil {
		return result{}, fmt.Errorf("after %d bytes: %w", length, err)
	}
	text := ""
	if length < 20000 {
		text = data.String()
	}
	return result{
		Status: response.StatusCode, Version: response.Proto, Headers: pairs(response.Header),
		Length: int(length), SHA256: hex.EncodeToString(digest.Sum(nil)), Text: text,
	}, nil
}

// limited keeps the first bytes only: a large body is told by its hash.
func limited(to *bytes.Buffer) io.Writer { return &keeper{to} }

type keeper struct{ to *bytes.Buffer }

func (k *keeper) Write(from []byte) (int, error) {
	if k.to.Len() < 20000 {
		k.to.Write(from)
	}
	return len(from), nil
}

// pairs gives fields sorted by name, in lower case; Go keeps no order between names.
func pairs(header http.Header) [][2]string {
	list := [][2]string{}
	for name, values := range header {
		for _, value := range values {
			list = append(list, [2]string{strings.ToLower(name), value})
		}
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a][0] < list[b][0] })
	return list
}
