// Where assembly finds the fields of GuestRegisters and Hart; C++ asserts each of them beside the struct.
#pragma once

#define ANTLER_GUEST_X(n) (8 * (n))
#define ANTLER_GUEST_PC 256
#define ANTLER_GUEST_SSTATUS 264
#define ANTLER_GUEST_HSTATUS 272
#define ANTLER_GUEST_STACK 280
#define ANTLER_GUEST_HART 288

// What the device lane may use and load: ra, t0 to t3, a0 to a5.
#define ANTLER_LANE_REGISTERS 0x1000fce2

#define ANTLER_HART_FIXUP 0
#define ANTLER_HART_SAVED_SP 8
#define ANTLER_HART_FAULT_STACK 16

#define ANTLER_FAULT_FRAME_BYTES 320
#define ANTLER_FAULT_PC 256

#define ANTLER_WHERE_PC 0
#define ANTLER_WHERE_RA 8
#define ANTLER_WHERE_ANSWERS 16
