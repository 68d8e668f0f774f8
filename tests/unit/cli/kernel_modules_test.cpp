// Tests that modules are found with what they need, and that modprobe is told.
#include "cli/kernel_modules.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/cli/images.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

using namespace std::string_view_literals;

TEST(KernelModules, TheirSectionModinfoIsRead) {
    auto const module =
        test::kernel_module("license=GPL\0depends=a,b-c\0alias=x:*\0alias=y\0depends_on=z\0"sv);
    EXPECT_EQ(module_info(module, "depends"), (std::vector<std::string>{"a,b-c"}));
    EXPECT_EQ(module_info(module, "alias"), (std::vector<std::string>{"x:*", "y"}));
    EXPECT_TRUE(module_info(module, "firmware").empty());
}

TEST(KernelModules, WhatIsNoModuleHasNoInformation) {
    EXPECT_TRUE(module_info({}, "depends").empty());
    auto module = test::kernel_module("depends=a\0"sv);
    for (usize cut = 0; cut < module.size(); ++cut)
        std::ignore = module_info(ByteView{module}.first(cut), "depends");
    for (usize at = 0; at < module.size(); ++at) {
        auto broken = module;
        broken[at] = 0xff;
        std::ignore = module_info(broken, "depends");
    }
}

TEST(KernelModules, WhatTheyNeedComesBeforeThem) {
    test::TemporaryFolder const folder;
    auto const add = [&](std::string const& name, std::string_view info) {
        folder.file("kernel/drivers/" + name + ".ko.xz",
                    test::gzip(test::kernel_module(info), ARCHIVE_FILTER_XZ));
    };
    add("virtio_net", "depends=net_failover,virtio\0alias=virtio:d00000001v*\0"sv);  // virtio is built in
    add("net_failover", "depends=failover\0"sv);
    add("failover", "depends=\0"sv);
    add("virtio-rng", "depends=\0alias=virtio:d00000004v*\0"sv);
    add("unwanted", "depends=\0"sv);
    constexpr std::array wanted{"virtio_net"sv, "virtio_rng"sv, "missing"sv, "failover"sv};
    auto const modules = collect_modules(folder.path(), wanted);
    std::vector<std::string> names;
    for (auto const& module : modules) names.push_back(module.name);
    EXPECT_EQ(names, (std::vector<std::string>{"failover", "net_failover", "virtio_net", "virtio_rng"}));
    EXPECT_EQ(dependency_file(modules),
              "failover.ko:\nnet_failover.ko: failover.ko\nvirtio_net.ko: net_failover.ko "
              "failover.ko\nvirtio_rng.ko:\n");
    EXPECT_EQ(alias_file(modules),
              "alias virtio:d00000001v* virtio_net\nalias virtio:d00000004v* virtio_rng\n");
}

TEST(KernelModules, TheNewestKernelIsTaken) {
    test::TemporaryFolder const folder;
    EXPECT_EQ(newest_modules(folder.path()), std::nullopt);
    std::filesystem::create_directories(folder.path() / "usr/lib/modules/6.9.0");
    std::filesystem::create_directories(folder.path() / "usr/lib/modules/6.12.0");
    EXPECT_EQ(newest_modules(folder.path()), folder.path() / "usr/lib/modules/6.12.0");
}

}  // namespace
}  // namespace antler::cli
