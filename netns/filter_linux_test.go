package netns

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// instruction is one of a BPF program.
type instruction struct {
	code byte
	regs byte // destination, and source in the upper half
	off  int16
	imm  int32
}

// filter is a program that drops IPv4 packets from some addresses, and a part of
// all others.
func filter(from []string, loss float64) []instruction {
	const sourceAddress = 14 + 12 // behind an Ethernet header
	prog := []instruction{
		{0xbf, 0x16, 0, 0},          // r6 = r1
		{0x20, 0, 0, sourceAddress}, // r0 = the word there; shorter packets pass
	}
	const rest = 4 // instructions between the comparisons and the last two
	for i, a := range from {
		ip := netip.MustParseAddr(a).As4()
		drop := int16(len(from) - 1 - i + rest)
		prog = append(prog, instruction{0x16, 0, drop, int32(binary.BigEndian.Uint32(ip[:]))}) // if w0 == ip goto drop
	}
	return append(prog,
		instruction{0x85, 0, 0, 7},                                 // r0 = a random number
		instruction{0xa6, 0, 2, int32(uint32(loss * (1<<32 - 1)))}, // if w0 < loss goto drop
		instruction{0xb7, 0, 0, 0},                                 // r0 = pass
		instruction{0x95, 0, 0, 0},                                 // exit
		instruction{0xb7, 0, 0, 2},                                 // drop: r0 = drop
		instruction{0x95, 0, 0, 0},                                 // exit
	)
}

// attachFilter attaches such a program to what an interface of the calling
// thread's namespace receives. It lasts until the descriptor is closed.
func attachFilter(ifname string, from []string, loss float64) (int, error) {
	const tcxIngress = 46
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return -1, err
	}
	prog, err := loadFilter(filter(from, loss), tcxIngress)
	if err != nil {
		return -1, fmt.Errorf("loading: %w", err)
	}
	defer unix.Close(prog)
	var link struct {
		prog, ifindex, attach, flags uint32
		rest                         [48]byte
	}
	link.prog, link.ifindex, link.attach = uint32(prog), uint32(ifi.Index), tcxIngress
	const linkCreate = 28
	fd, _, errno := unix.Syscall(unix.SYS_BPF, linkCreate, uintptr(unsafe.Pointer(&link)), unsafe.Sizeof(link))
	if errno != 0 {
		return -1, fmt.Errorf("attaching: %w", errno)
	}
	return int(fd), nil
}

func loadFilter(prog []instruction, attach uint32) (int, error) {
	const (
		progLoad = 5
		schedCls = 3
	)
	licence := []byte("GPL\x00") // the kernel gives random numbers to no other
	var load struct {
		progType, count     uint32
		prog, licence       uint64
		logLevel, logSize   uint32
		log                 uint64
		kernel, flags       uint32
		name                [16]byte
		ifindex, attachType uint32
		rest                [64]byte
	}
	load.progType, load.count, load.attachType = schedCls, uint32(len(prog)), attach
	load.prog = uint64(uintptr(unsafe.Pointer(&prog[0])))
	load.licence = uint64(uintptr(unsafe.Pointer(&licence[0])))
	fd, _, errno := unix.Syscall(unix.SYS_BPF, progLoad, uintptr(unsafe.Pointer(&load)), unsafe.Sizeof(load))
	runtime.KeepAlive(prog)
	runtime.KeepAlive(licence)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
