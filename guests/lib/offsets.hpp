// Where the assembly finds things in a hart's block; hart.hpp checks the numbers.
#pragma once

#define GUEST_HART_X 0
#define GUEST_HART_PC 256
#define GUEST_HART_SSTATUS 264
#define GUEST_HART_SCAUSE 272
#define GUEST_HART_STVAL 280
#define GUEST_HART_STACK 288
#define GUEST_HART_TRAP_STACK 296
#define GUEST_HART_RECOVERY 304
