//go:build js

// Wasm is the part of the page that is Go: the real loop, machine and kernel of memory, and the player
// of their moves. The page calls it through the object that it gives to chatdReady.
package main

import (
	"slices"
	"strings"
	"syscall/js"

	"chatd/docs/page/play"
)

func main() {
	js.Global().Call("chatdReady", map[string]any{"play": js.FuncOf(replay), "quiz": js.FuncOf(quiz)})
	select {}
}

// The present run, and the moves that have made it.
var (
	run   *play.Run
	moves []string
)

// replay makes moves in a new run, or goes on with the present one if that began with the same moves.
// Its arguments are method, idle clients, moves with NUL between them, and whether moves that are impossible are left out.
// The answer is what the page shows, after the moves up to the first that is impossible.
func replay(_ js.Value, args []js.Value) any {
	setup := play.Setup{Method: args[0].String(), Idle: args[1].Int()}
	var wanted []string
	if all := args[2].String(); all != "" {
		wanted = strings.Split(all, "\x00")
	}
	if run == nil || run.Setup != setup || len(wanted) < len(moves) || !slices.Equal(wanted[:len(moves)], moves) || args[3].Bool() {
		fresh, err := play.New(setup)
		if err != nil {
			return map[string]any{"error": err.Error(), "done": 0}
		}
		if run != nil {
			run.Close()
		}
		run, moves = fresh, nil
	}
	steps := 0
	for _, move := range wanted[len(moves):] {
		before := run.Steps
		err := run.Do(move)
		if err != nil && !args[3].Bool() {
			v := view(run)
			v["error"], v["done"], v["made"] = err.Error(), len(moves), 0
			return v
		}
		steps = run.Steps - before
		moves = append(moves, move)
	}
	v := view(run)
	v["done"], v["made"] = len(moves), steps
	if args[3].Bool() {
		moves = []string{"lenient"} // such a run is not gone on with
	}
	return v
}

func quiz(_ js.Value, args []js.Value) any {
	p := play.NewProblem(uint64(args[0].Int()))
	return map[string]any{"moves": list(p.Moves), "options": list(p.Options), "right": p.Right}
}

// list makes a list that JavaScript takes.
func list[T any](all []T) []any {
	values := make([]any, len(all))
	for i, v := range all {
		values[i] = v
	}
	return values
}
