// The echo node for `make bench`: each answer leaves at once.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
)

type message struct {
	Src  string         `json:"src"`
	Dest string         `json:"dest"`
	Body map[string]any `json:"body"`
}

func main() {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<20)
	encoder := json.NewEncoder(os.Stdout)
	for scanner.Scan() {
		var m message
		if err := json.Unmarshal(scanner.Bytes(), &m); err != nil {
			log.Fatal(err)
		}
		kind, _ := m.Body["type"].(string)
		reply := map[string]any{"type": kind + "_ok", "in_reply_to": m.Body["msg_id"]}
		if kind == "echo" {
			reply["echo"] = m.Body["echo"]
		}
		if err := encoder.Encode(message{m.Dest, m.Src, reply}); err != nil {
			log.Fatal(err)
		}
	}
}
