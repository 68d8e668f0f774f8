// Names of machines while many are made and looked for at once.
#include "cli/instances.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "cli/failure.hpp"
#include "cli/private_instances.hpp"

namespace antler::cli {
namespace {

class Instances : public testing::Test {
    PrivateInstances private_;
};

TEST(PrivateInstances, leave_the_place_of_machines_as_they_found_it) {
    ::setenv("XDG_RUNTIME_DIR", "/somewhere", 1);
    {
        PrivateInstances const here;
        auto const machine = Instance::make("mine");
        EXPECT_EQ(running_instances().size(), 1u);
    }
    EXPECT_STREQ(std::getenv("XDG_RUNTIME_DIR"), "/somewhere");
    ::unsetenv("XDG_RUNTIME_DIR");
}

TEST_F(Instances, a_machine_that_is_just_being_made_keeps_its_folder_while_others_look) {
    std::atomic<bool> over = false;
    std::vector<std::thread> lookers;
    for (int i = 0; i < 3; ++i)
        lookers.emplace_back([&] {
            while (!over) (void)running_instances();
        });
    for (int i = 0; i < 300; ++i) {
        auto const made = Instance::make("machine");
        EXPECT_EQ(made.name(), "machine");
        EXPECT_TRUE(std::filesystem::is_directory(made.directory()));
        auto const all = running_instances();
        ASSERT_EQ(all.size(), 1u) << "in round " << i;
        EXPECT_EQ(all.front().name, "machine");
    }
    over = true;
    for (auto& looker : lookers) looker.join();
}

TEST_F(Instances, a_record_says_whose_the_spare_drives_are) {
    auto const made = Instance::make("recorded");
    write_instance_record(made.directory(), {.qemu = 7, .spares = {{}, {"/a.raw", true, {"one", "two"}}}});
    auto const read = read_instance_record(made.directory());
    ASSERT_EQ(read.spares.size(), 2u);
    EXPECT_TRUE(read.spares[0].file.empty() && read.spares[0].vms.empty());
    EXPECT_EQ(read.spares[1].file, "/a.raw");
    EXPECT_TRUE(read.spares[1].reads);
    EXPECT_EQ(read.spares[1].vms, (std::vector<std::string>{"one", "two"}));
}

TEST_F(Instances, a_machine_that_has_gone_is_nobody_and_its_name_is_free) {
    {
        auto const made = Instance::make("machine");
    }
    EXPECT_TRUE(std::filesystem::exists(instances_directory() / "machine"));
    EXPECT_TRUE(running_instances().empty());
    EXPECT_FALSE(std::filesystem::exists(instances_directory() / "machine"));
    auto const first = Instance::make("machine");
    auto const second = Instance::make("machine");
    EXPECT_EQ(second.name(), "machine-2");
    EXPECT_THROW((void)Instance::make_exactly("machine"), Failure);
}

}  // namespace
}  // namespace antler::cli
