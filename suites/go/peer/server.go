package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// server answers as every server of the pairwise suite does, until it is ended.
func server(address string, files []string) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(answer), Protocols: protocols}
	if len(files) == 2 {
		return server.ListenAndServeTLS(files[0], files[1])
	}
	return server.ListenAndServe()
}

func answer(to http.ResponseWriter, request *http.Request) {
	words := strings.Split(strings.TrimPrefix(request.URL.Path, "/"), "/")
	number := int64(0)
	if len(words) > 1 {
		number, _ = strconv.ParseInt(words[1], 10, 64)
	}
	fields := to.Header()
	fields.Set("X-Server", "go")
	fields.Set("Content-Type", "application/octet-stream")
	switch words[0] {
	case "bytes":
		fields.Set("Content-Length", words[1])
		if request.Method != http.MethodHead {
			io.Copy(to, &pattern{length: number})
		}
	case "chunked":
		to.(http.Flusher).Flush()
		io.Copy(to, &pattern{length: number})
	case "echo":
		// Once it is whole: not every client reads while it sends.
		data, err := io.ReadAll(request.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if request.ContentLength >= 0 {
			fields.Set("Content-Length", strconv.FormatInt(request.ContentLength, 10))
		} else {
			to.(http.Flusher).Flush()
		}
		to.Write(data)
	case "status":
		to.WriteHeader(int(number))
		if number != 204 && number != 304 {
			fmt.Fprintf(to, "status %d\n", number)
		}
	case "fields":
		fields["X-Multi"] = []string{"a", "b, c"}
		fields["Set-Cookie"] = []string{"a=1; Path=/", "b=2"}
		fields.Set("X-Empty", "")
		fields.Set("X-Long", strings.Repeat("l", 4000))
		io.WriteString(to, "fields\n")
	default:
		report(to, request)
	}
}

// report says what was received, as JSON. Go keeps Host, Content-Length and Transfer-Encoding apart from the fields.
func report(to http.ResponseWriter, request *http.Request) {
	digest := sha256.New()
	length, err := io.Copy(digest, request.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	headers := append(pairs(request.Header), [2]string{"host", request.Host})
	if request.ContentLength > 0 {
		headers = append(headers, [2]string{"content-length", strconv.FormatInt(request.ContentLength, 10)})
	}
	seen := map[string]any{
		"method": request.Method, "target": request.RequestURI, "headers": headers,
		"length": length, "sha256": hex.EncodeToString(digest.Sum(nil)),
	}
	to.Header().Set("Content-Type", "application/json")
	json.NewEncoder(to).Encode(seen)
}
