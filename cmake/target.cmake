# The RISC-V side: the hypervisor image, and the small guests that each prove one thing.

# F, D and V stay out of the hypervisor, so that a guest's registers stay in the hart.
add_compile_options(-march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -mno-relax -fpie -g)
add_compile_options(-O2 -ffreestanding -fno-stack-protector -ffunction-sections -fdata-sections)
add_compile_options(
    "$<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-fno-rtti;-fno-threadsafe-statics>"
    "$<$<COMPILE_LANGUAGE:CXX>:-fno-unwind-tables;-fno-asynchronous-unwind-tables>")
execute_process(COMMAND clang++-19 -print-resource-dir OUTPUT_VARIABLE clang_resources OUTPUT_STRIP_TRAILING_WHITESPACE)
cmake_path(SET libcxx NORMALIZE "${clang_resources}/../../../include/c++/v1")
add_compile_options(
    "$<$<COMPILE_LANGUAGE:CXX>:-nostdinc++;SHELL:-isystem ${CMAKE_SOURCE_DIR}/cmake/freestanding/site>"
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-isystem ${libcxx};SHELL:-isystem ${CMAKE_SOURCE_DIR}/cmake/freestanding/cinc>")

add_library(freestanding OBJECT base/string.cpp base/freestanding.cpp)
target_compile_options(freestanding PRIVATE -fno-builtin)

# Nothing in memory/ counts on 64-bit registers: a static test compiles it for RV32 too, where nobody has run it yet.
# Atomics of 64 bits are calls there, which an image for RV32 would have to answer.
file(GLOB memory_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/hypervisor/memory/*.cpp)
add_library(memory-rv32 OBJECT EXCLUDE_FROM_ALL ${memory_sources})
target_compile_options(memory-rv32 PRIVATE --target=riscv32-unknown-elf -march=rv32imac_zicsr_zifencei -mabi=ilp32)
set_target_properties(memory-rv32 PROPERTIES EXPORT_COMPILE_COMMANDS OFF)

# Links `name` with lld directly and writes a flat image beside the ELF.
function(antler_image name linker_script)
    cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${arg_SOURCES} $<TARGET_OBJECTS:freestanding>)
    set_target_properties(${name} PROPERTIES SUFFIX .elf LINK_DEPENDS ${linker_script})
    target_link_options(${name} PRIVATE -nostdlib -fuse-ld=lld -Wl,--gc-sections -Wl,-T,${linker_script} ${arg_LINK})
    add_custom_command(TARGET ${name} POST_BUILD
        COMMAND llvm-objcopy-19 -O binary $<TARGET_FILE:${name}> $<TARGET_FILE_DIR:${name}>/${name}.img
        VERBATIM)
endfunction()

file(GLOB_RECURSE hypervisor_sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/hypervisor/*.cpp ${CMAKE_SOURCE_DIR}/hypervisor/*.S
    ${CMAKE_SOURCE_DIR}/isa/*.cpp ${CMAKE_SOURCE_DIR}/abi/*.cpp)
if(EXISTS ${CMAKE_SOURCE_DIR}/hypervisor/boot/image.ld)
    antler_image(hypervisor ${CMAKE_SOURCE_DIR}/hypervisor/boot/image.ld
        SOURCES ${hypervisor_sources}
        LINK -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,norelro -Wl,-z,text)
endif()

if(TARGET hypervisor)
    add_custom_command(TARGET hypervisor POST_BUILD
        COMMAND sh ${CMAKE_SOURCE_DIR}/cmake/check_lanes.sh $<TARGET_FILE:hypervisor> VERBATIM)
endif()

# The ecall lane finds the guest's own values in every register that it does not use.
set_source_files_properties(${CMAKE_SOURCE_DIR}/hypervisor/hart/lane.cpp PROPERTIES COMPILE_OPTIONS
    "-Wno-register;-ffixed-x5;-ffixed-x12;-ffixed-x13;-ffixed-x14;-ffixed-x15;-ffixed-x16;-ffixed-x17;-ffixed-x29;-ffixed-x30;-ffixed-x31")

# So does the device lane, with more that it may use.
set_source_files_properties(${CMAKE_SOURCE_DIR}/hypervisor/vm/device_lane.cpp PROPERTIES COMPILE_OPTIONS
    "-ffixed-x1;-ffixed-x8;-ffixed-x9;-ffixed-x16;-ffixed-x17;-ffixed-x18;-ffixed-x19;-ffixed-x20;-ffixed-x21;-ffixed-x22;-ffixed-x23;-ffixed-x24;-ffixed-x25;-ffixed-x26;-ffixed-x27;-ffixed-x29;-ffixed-x30;-ffixed-x31")

# Every folder under guests/ is one guest, but for lib/, which is in all of them, and linux/.
file(GLOB guest_library CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/guests/lib/*.cpp ${CMAKE_SOURCE_DIR}/guests/lib/*.S)
add_library(guest-library OBJECT ${guest_library})
target_compile_options(guest-library PRIVATE -fno-pie)
file(GLOB guest_folders CONFIGURE_DEPENDS LIST_DIRECTORIES true ${CMAKE_SOURCE_DIR}/guests/*)
foreach(folder IN LISTS guest_folders)
    cmake_path(GET folder FILENAME name)
    if(IS_DIRECTORY ${folder} AND NOT name STREQUAL "lib" AND NOT name STREQUAL "linux")
        file(GLOB guest_sources CONFIGURE_DEPENDS ${folder}/*.cpp ${folder}/*.S)
        if(name STREQUAL "busy") # has disks as guests/block
            list(APPEND guest_sources ${CMAKE_SOURCE_DIR}/guests/block/drive.cpp)
        endif()
        if(name STREQUAL "micro" OR name STREQUAL "busy") # talks as guests/net does
            list(APPEND guest_sources ${CMAKE_SOURCE_DIR}/guests/net/card.cpp ${CMAKE_SOURCE_DIR}/guests/net/talk.cpp)
        endif()
        if(name STREQUAL "victim") # holds registers as guests/fpv does
            list(APPEND guest_sources ${CMAKE_SOURCE_DIR}/guests/fpv/registers.S)
        endif()
        set(guest_link -static)
        # The balloon may read whatever lies about as numbers of pages, a status with VS and MXR say: 0x80200.
        # A status has no bit 11.
        if(name STREQUAL "hostile")
            list(APPEND guest_link -Wl,--defsym=guest_base=0x80803000)
        endif()
        antler_image(guest-${name} ${CMAKE_SOURCE_DIR}/guests/lib/guest.ld
            SOURCES ${guest_sources} $<TARGET_OBJECTS:guest-library> LINK ${guest_link})
        target_compile_options(guest-${name} PRIVATE -fno-pie)
    endif()
endforeach()

# Programs for a Linux guest, without a C library: guests/linux/NAME.cpp is linux-NAME.
file(GLOB linux_programs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/guests/linux/*.cpp)
foreach(source IN LISTS linux_programs)
    cmake_path(GET source STEM name)
    add_executable(linux-${name} ${source})
    target_compile_options(linux-${name} PRIVATE -fno-pie)
    target_link_options(linux-${name} PRIVATE -nostdlib -static -fuse-ld=lld -Wl,--image-base=0x10000 -Wl,-e,_start)
endforeach()
set_source_files_properties(${CMAKE_SOURCE_DIR}/hypervisor/vm/net_card.cpp ${CMAKE_SOURCE_DIR}/hypervisor/backend/switch.cpp ${CMAKE_SOURCE_DIR}/hypervisor/backend/packet_queue.cpp ${CMAKE_SOURCE_DIR}/hypervisor/backend/packet_train.cpp PROPERTIES COMPILE_OPTIONS "-O3;-mllvm;-inline-threshold=1000")
