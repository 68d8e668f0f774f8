# Tests and fuzzers on the host: the hypervisor's own sources under ASan and UBSan, over a fake hart.
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(LibArchive REQUIRED)
find_library(FDT_LIBRARY fdt REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)

option(ANTLER_COVERAGE "count which lines run, instead of looking for what is wrong" OFF)
add_compile_options(-O1 -g -fno-omit-frame-pointer -Wno-deprecated-declarations)
if(ANTLER_COVERAGE)
    set(sanitizers "")
    add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
    add_link_options(-fuse-ld=lld -fprofile-instr-generate)
else()
    set(sanitizers -fsanitize=address,undefined)
    # Fuzzers need -fsanitize=fuzzer-no-link in everything they cover; it costs the tests little.
    add_compile_options(${sanitizers},fuzzer-no-link -fno-sanitize-recover=all)
    add_link_options(-fuse-ld=lld ${sanitizers})
endif()

# Everything of the hypervisor that runs on the host as it is, a library for each folder.  A test links only
# its folder and what LAYERS lets that folder see.
set(layers_base "")
set(layers_isa isa)
set(layers_abi abi)
set(layers_memory memory isa)
set(layers_backend backend memory isa abi)
set(layers_device device isa abi)
set(layers_sched sched)
set(layers_hart hart isa abi)
set(layers_platform platform backend memory hart isa abi)
set(layers_vm vm hart isa abi memory backend device sched)
set(layers_sbi sbi vm hart isa abi memory backend device sched)
set(layers_nested nested vm hart isa abi memory backend device sched)
set(layers_control control vm hart isa abi memory backend device sched)
set(layers_cli cli isa abi)

foreach(folder IN ITEMS isa abi memory backend device sched hart platform vm sbi nested control)
    set(place ${CMAKE_SOURCE_DIR}/hypervisor/${folder})
    if(folder STREQUAL "isa" OR folder STREQUAL "abi")
        set(place ${CMAKE_SOURCE_DIR}/${folder})
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${place}/*.cpp)
    if(folder STREQUAL "platform")
        list(FILTER sources INCLUDE REGEX "/(board|board_device|board_pci|driver_queue|hart_interrupts|host_aplic|host_imsic|host_plic|iommu|iommus|virtio_block|virtio_device)\\.cpp$") # the rest needs a RISC-V machine
    endif()
    if(sources)
        add_library(portable-${folder} STATIC ${sources})
    else()
        add_library(portable-${folder} INTERFACE)
    endif()
endforeach()

# What the tests put in place of a machine: memory, fences, time, interrupt lines, and panic().
file(GLOB fake_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fake/*.cpp)
if(fake_sources)
    add_library(fake STATIC ${fake_sources})
else()
    add_library(fake INTERFACE)
endif()

# The host program's own parts, without its main().
file(GLOB cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.cpp)
list(FILTER cli_sources EXCLUDE REGEX "/main\\.cpp$")
if(cli_sources)
    add_library(portable-cli STATIC ${cli_sources})
    set_target_properties(portable-cli PROPERTIES EXCLUDE_FROM_ALL ${ANTLER_COVERAGE})
    target_compile_options(portable-cli PRIVATE -O0)  # much library code, which nothing here waits for
    target_link_libraries(portable-cli PUBLIC CLI11::CLI11 tomlplusplus::tomlplusplus nlohmann_json::nlohmann_json
        fmt::fmt LibArchive::LibArchive ${FDT_LIBRARY} ${ZSTD_LIBRARY})
else()
    add_library(portable-cli INTERFACE)
endif()

# Links `target` with the libraries that `folder` may see, in a group, so that their order does not matter.
function(antler_link target folder)
    set(libraries "")
    foreach(layer IN LISTS layers_${folder})
        list(APPEND libraries portable-${layer})
    endforeach()
    target_link_libraries(${target} PRIVATE -Wl,--start-group ${libraries} fake -Wl,--end-group ${FDT_LIBRARY})
endfunction()

# tests/unit/FOLDER/ and tests/model/FOLDER/ become unit-FOLDER and model-FOLDER.
foreach(kind IN ITEMS unit model)
    foreach(folder IN ITEMS base isa abi memory backend device sched hart platform vm sbi nested control cli)
        if(ANTLER_COVERAGE AND folder STREQUAL "cli")
            continue() # what counts is the hypervisor
        endif()
        file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${kind}/${folder}/*.cpp)
        if(sources)
            add_executable(${kind}-${folder} ${sources})
            # Compiling them optimized takes four times as long as running them like this.
            if(kind STREQUAL "unit")
                target_compile_options(${kind}-${folder} PRIVATE -O0)
            endif()
            antler_link(${kind}-${folder} ${folder})
            target_link_libraries(${kind}-${folder} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main rapidcheck)
        endif()
    endforeach()
endforeach()

# Tests that read the tree.  The others do not know where it is, so that a compiler's cache serves every clone.
foreach(test IN ITEMS unit-base unit-isa unit-platform unit-cli)
    if(TARGET ${test})
        target_compile_definitions(${test} PRIVATE ANTLER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endif()
endforeach()

# What the host program packs is read by the hypervisor's reader, and what it asks answered by its server.
if(TARGET unit-cli)
    target_link_libraries(unit-cli PRIVATE portable-control portable-backend portable-abi)
endif()

# tests/fuzz/FOLDER/NAME.cpp is the fuzzer fuzz-NAME.
foreach(folder IN ITEMS isa abi memory backend device sched vm sbi nested control cli)
    file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/${folder}/*.cpp)
    if(ANTLER_COVERAGE AND folder STREQUAL "cli")
        continue()
    endif()
    foreach(source IN LISTS fuzzers)
        cmake_path(GET source STEM name)
        add_executable(fuzz-${name} ${source})
        antler_link(fuzz-${name} ${folder})
        target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer ${sanitizers})
    endforeach()
endforeach()
