package daemon

import (
	"os"
	"runtime"
	"runtime/metrics"

	"gospread/spread/internal/status"
)

// process tells what the program uses, without stopping it.
func process() status.Process {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	p := status.Process{PID: os.Getpid(), Goroutines: runtime.NumGoroutine()}
	if heap[0].Value.Kind() == metrics.KindUint64 {
		p.Heap = heap[0].Value.Uint64()
	}
	p.CPU = cpuSeconds()
	p.Resident = residentBytes()
	p.OpenFiles, p.MaxFiles = openFiles(), maxFiles()
	return p
}
