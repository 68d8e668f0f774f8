# Tests and fuzzers on the host: the hypervisor's own sources under ASan and UBSan, over a fake hart.
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(LibArchive REQUIRED)
find_library(FDT_LIBRARY fdt REQUIRED)

add_compile_options(-O1 -g -fno-omit-frame-pointer -Wno-deprecated-declarations)
add_compile_definitions(ANTLER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
# Fuzzers need -fsanitize=fuzzer-no-link in everything they cover; it costs the tests little.
add_compile_options(-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all)
add_link_options(-fuse-ld=lld -fsanitize=address,undefined)

# Everything of the hypervisor that runs on the host as it is.
file(GLOB_RECURSE portable_sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/isa/*.cpp ${CMAKE_SOURCE_DIR}/abi/*.cpp
    ${CMAKE_SOURCE_DIR}/hypervisor/memory/*.cpp ${CMAKE_SOURCE_DIR}/hypervisor/device/*.cpp
    ${CMAKE_SOURCE_DIR}/hypervisor/sched/*.cpp ${CMAKE_SOURCE_DIR}/hypervisor/vm/*.cpp
    ${CMAKE_SOURCE_DIR}/hypervisor/sbi/*.cpp ${CMAKE_SOURCE_DIR}/hypervisor/nested/*.cpp
    ${CMAKE_SOURCE_DIR}/hypervisor/control/*.cpp ${CMAKE_SOURCE_DIR}/tests/fake/*.cpp)
if(portable_sources)
    add_library(portable STATIC ${portable_sources})
endif()

# The host program's own parts, without its main().
file(GLOB_RECURSE cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.cpp)
list(FILTER cli_sources EXCLUDE REGEX "/main\\.cpp$")
if(cli_sources)
    add_library(cli STATIC ${cli_sources})
    target_link_libraries(cli PUBLIC tomlplusplus::tomlplusplus nlohmann_json::nlohmann_json fmt::fmt
        LibArchive::LibArchive ${FDT_LIBRARY})
endif()

function(antler_tests name folder)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
    if(sources)
        add_executable(${name} ${sources})
        target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:portable> $<TARGET_NAME_IF_EXISTS:cli>
            $<TARGET_NAME_IF_EXISTS:portable> GTest::gtest GTest::gmock GTest::gtest_main rapidcheck ${FDT_LIBRARY})
    endif()
endfunction()
antler_tests(unit-tests ${CMAKE_SOURCE_DIR}/tests/unit)
antler_tests(model-tests ${CMAKE_SOURCE_DIR}/tests/model)

# Each file in tests/fuzz/ is one fuzzer.
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*.cpp)
foreach(source IN LISTS fuzzers)
    cmake_path(GET source STEM name)
    add_executable(fuzz-${name} ${source})
    target_link_libraries(fuzz-${name} PRIVATE $<TARGET_NAME_IF_EXISTS:portable> $<TARGET_NAME_IF_EXISTS:cli>
        $<TARGET_NAME_IF_EXISTS:portable> ${FDT_LIBRARY})
    target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer,address,undefined)
endforeach()
