// The stage of machines in QEMU.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <map>
#include <random>
#include <regex>
#include <sstream>
#include <thread>
#include <utility>

#include "abi/control_frame.hpp"
#include "cli/catalogue.hpp"
#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/instances.hpp"
#include "cli/test_pty.hpp"
#include "cli/test_scenario.hpp"
#include "cli/test_stage.hpp"
#include "cli/test_transcript.hpp"

namespace antler::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto poll_interval = milliseconds{100};
constexpr auto grace = std::chrono::seconds{5};  // for a program that was asked to end

std::string with_word(std::string text, std::string_view word, std::string const& value) {
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size()))
        text.replace(at, word.size(), value);
    return text;
}

// One run of one scenario; run() says what went wrong, or nothing.
class ScenarioRun {
public:
    explicit ScenarioRun(Scenario const& scenario)
        : scenario_{scenario},
          log_{log_file(scenario.name)},
          log_out_{::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)},
          expected_{scenario.expect} {}

    [[nodiscard]] Path const& log() const { return log_; }

    std::string run() {
        prepare();
        auto input = make_socket_pair();
        auto output = make_pipe();
        input_ = std::move(input.ours);
        bool const types = !scenario_.type.empty() || !scenario_.dialogue.empty();
        ChildProcess child{words_,
                           {.input = types ? input.theirs.get() : -1,
                            .output = output.theirs.get(),
                            .errors = output.theirs.get(),
                            .at_our_end = SIGTERM}};  // it ends QEMU
        input.theirs.close();
        output.theirs.close();
        std::optional<ChildProcess> beside;
        if (!scenario_.beside.empty()) beside.emplace(scenario_.beside, ChildStreams{});
        pending_ = scenario_.type;
        auto problem = converse(child, output.ours.get());
        end(child, output.ours.get());
        if (bool const left = end_machine(); left && problem.empty())
            problem = "its machine was left running";
        if (!socket_.empty()) ::unlink(socket_.c_str());
        return problem;
    }

    // How much was done, as the last line that tells it says, and what was borne.
    [[nodiscard]] Count counted() const {
        Count count{.of = scenario_.counted, .note = borne_};
        if (!scenario_.count) return count;
        std::optional<usize> last;
        for (auto at = transcript_.find(*scenario_.count, 0); at;
             at = transcript_.find(*scenario_.count, *at))
            last = at;
        if (!last) return count;
        auto const line = transcript_.line_at(*last);
        if (std::smatch found; std::regex_search(line, found, scenario_.count->compiled) && found.size() > 1)
            count.amount = std::strtoull(found[1].str().c_str(), nullptr, 10);
        return count;
    }

private:
    void prepare() {
        auto const file = Path{log_}.replace_extension(".toml");
        // The name of a socket must be short.
        if (!scenario_.monitor.empty())
            socket_ =
                std::filesystem::temp_directory_path() /
                fmt::format("antler-monitor-{}-{:x}", ::getpid(), std::hash<std::string>{}(scenario_.name));
        if (!scenario_.description.empty())
            write_file(file, as_bytes(with_word(scenario_.description, "${monitor}", socket_.string())));
        auto const description = scenario_.description.empty() ? scenario_.file : file;
        if (!scenario_.other.empty()) {
            other_ = Path{log_}.replace_extension(".other.toml");
            write_file(other_, as_bytes(scenario_.other));
        }
        machine_ = description.stem().string();
        words_.push_back((build_directory() / "host" / "antler").string());
        for (auto const& word : scenario_.command)
            words_.push_back(with_word(word, "${description}", description.string()));
    }

    // Until the program has ended, or nothing more is wanted of it.
    std::string converse(ChildProcess& child, int output) {
        auto const deadline = Clock::now() + std::chrono::seconds{scenario_.timeout_seconds};
        bool open = true;
        for (;;) {
            if (open) open = take_output(output);
            if (auto said = forbidden(); !said.empty()) return said;
            expected_.look_at(transcript_);
            advance_dialogue(child);
            if (!wrong_.empty()) return wrong_;
            type();
            bool const seen = expected_.done() && step_ == scenario_.dialogue.size();
            if (seen && !asked_ && !scenario_.monitor.empty()) {
                asked_ = true;
                if (auto wrong = ask_monitor(); !wrong.empty()) return wrong;
            }
            if (seen && !scenario_.ends) return {};
            if (!open && scenario_.outlives && !seen && Clock::now() < deadline) {
                std::this_thread::sleep_for(poll_interval);
                continue;
            }
            if (!open) return judge(child);
            if (Clock::now() > deadline) return not_in_time(seen);
        }
    }

    bool take_output(int output) {
        pollfd waiting{.fd = output, .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1,
                   std::exchange(advanced_, false) ? 0 : static_cast<int>(poll_interval.count())) <= 0)
            return true;
        std::array<char, 16384> chunk{};
        auto const got = ::read(output, chunk.data(), chunk.size());
        if (got <= 0) return got < 0 && errno == EINTR;
        if (::write(log_out_.get(), chunk.data(), static_cast<usize>(got)) < 0)
            throw Failure{ExitCode::internal, "Cannot write the log " + log_.string() + "."};
        transcript_.append({chunk.data(), static_cast<usize>(got)});
        return true;
    }

    std::string forbidden() {
        for (auto const& pattern : scenario_.forbid)
            if (auto const at = transcript_.find(pattern, harmless_))
                return fmt::format("it said `{}`", transcript_.line_at(*at));
        auto const last = transcript_.text().rfind('\n');
        if (last != std::string::npos) harmless_ = last + 1;
        return {};
    }

    void advance_dialogue(ChildProcess& child) {
        for (; step_ < scenario_.dialogue.size(); ++step_) {
            auto const& step = scenario_.dialogue[step_];
            if (step.kill) {
                killed_ = true;
                ::kill(child.pid(), SIGKILL);
                continue;
            }
            if (step.noise != 0) {
                make_noise(step.noise);
                continue;
            }
            if (!step.ask.empty()) {
                if (!has_answered(step)) return;
                ++step_;
                advanced_ = true;
                return;  // what the machine says meanwhile is read
            }
            if (step.expect) {
                auto const found = transcript_.find(*step.expect, heard_);
                if (!found) return;
                heard_ = *found;
            } else {
                pending_ += step.type;
            }
        }
    }

    bool is_quick(DialogueStep const& step) {
        auto took = std::exchange(took_, {});
        if (step.median_below == 0) return true;
        std::ranges::sort(took);
        auto const median = took[took.size() / 2];
        auto const line = fmt::format("`antler {}`: median of {}: {:.1f} ms, longest {:.1f} ms\n",
                                      fmt::join(step.ask, " "), took.size(), median, took.back());
        (void)::write(log_out_.get(), line.data(), line.size());
        if (median < step.median_below) return true;
        wrong_ = line;
        return false;
    }

    // The same in every run, with the beginnings of frames in it.
    void make_noise(i64 bytes) {
        auto const socket = connected_to(find_instance(machine_).control);
        std::minstd_rand random{static_cast<u32>(bytes)};
        std::string noise;
        while (static_cast<i64>(noise.size()) < bytes) {
            if (random() % 16 == 0)
                for (u32 i = 0; i < 4; ++i) noise += static_cast<char>(abi::control::magic >> 8 * i);
            noise += static_cast<char>(random() >> 8);
        }
        (void)::send(socket.get(), noise.data(), noise.size(), MSG_NOSIGNAL);
    }

    static Descriptor connected_to(Path const& path) {
        Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        auto const text = path.string();
        if (text.size() < sizeof address.sun_path) std::memcpy(address.sun_path, text.data(), text.size());
        if (::connect(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
            throw Failure{ExitCode::internal, "The control channel cannot be reached."};
        return socket;
    }

    // What is about this computer, or about nothing that runs, takes no machine.
    static bool asks_a_machine(std::vector<std::string> const& words) {
        constexpr std::array<std::string_view, 4> others{"machines", "names", "completion", "manual"};
        return words.empty() || std::ranges::find(others, words.front()) == others.end();
    }

    // Another `antler` asks; what is not so yet may be so a little later.
    bool has_answered(DialogueStep const& step) {
        if (!asked_until_) asked_until_ = Clock::now() + 3 * grace;
        auto words = step.ask;
        bool const named = !asks_a_machine(words) || std::ranges::any_of(words, [](std::string const& word) {
            return word.contains("${machine}");
        });
        for (auto& word : words)
            word = with_word(with_word(word, "${machine}", machine_), "${other}", other_.string());
        words.insert(words.begin(), words_.front());
        if (!named) words.insert(words.end(), {"--machine", machine_});
        if (!step.terminal.empty()) {
            wrong_ = talk_at_terminal(words, step.terminal, step.exit,
                                      std::chrono::seconds{scenario_.timeout_seconds}, log_out_.get());
            if (!wrong_.empty()) wrong_ = fmt::format("`antler {}`: {}", fmt::join(step.ask, " "), wrong_);
            asked_until_.reset();
            return wrong_.empty();
        }
        auto const asked_at = Clock::now();
        auto const got = capture(words, 6 * grace);
        (void)::write(log_out_.get(), got.output.data(), got.output.size());
        Transcript said;
        said.append(got.output);
        Sequence expected{step.answer};
        expected.look_at(said);
        bool const ended =
            !got.timed_out && WIFEXITED(got.status) && ends_well(step, WEXITSTATUS(got.status));
        if (ended && expected.done() && is_same(step, said)) {
            asked_until_.reset();
            took_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - asked_at).count());
            if (std::cmp_less(took_.size(), step.times)) return has_answered(step);
            return is_quick(step);
        }
        if (Clock::now() < *asked_until_) return false;
        if (!differs_.empty()) {
            wrong_ = fmt::format("`antler {}` says {}", fmt::join(step.ask, " "), differs_);
            return false;
        }
        wrong_ = ended ? fmt::format("`antler {}` never said /{}/", fmt::join(step.ask, " "),
                                     expected.missing().text)
                       : fmt::format("`antler {}` ended with {} instead of exit code {}",
                                     fmt::join(step.ask, " "), end_of_process(got.status), step.exit);
        return false;
    }

    [[nodiscard]] static bool ends_well(DialogueStep const& step, int code) {
        return code == step.exit || (step.may_refuse && code == static_cast<int>(ExitCode::bad_input));
    }

    // Whether the lines that match are those of the first time.
    bool is_same(DialogueStep const& step, Transcript const& said) {
        if (step.same.empty()) return true;
        std::vector<std::string> lines;
        std::istringstream text{said.text()};
        for (std::string line; std::getline(text, line);)
            for (auto const& pattern : step.same)
                if (std::regex_search(line, pattern.compiled)) lines.push_back(line);
        auto const [first, fresh] = first_.try_emplace(fmt::format("{}", fmt::join(step.ask, " ")), lines);
        auto const alike = [&](std::string const& before, std::string const& now) {
            return has_grown(before, now, step.grown_at_most);
        };
        differs_ =
            std::ranges::equal(first->second, lines, alike)
                ? std::string{}
                : fmt::format("{} instead of {}", fmt::join(lines, "; "), fmt::join(first->second, "; "));
        return differs_.empty() && !lines.empty();
    }

    void type() {
        if (!input_.open()) return;
        if (!pending_.empty()) {
            auto const sent = ::send(input_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
            if (sent > 0) pending_.erase(0, static_cast<usize>(sent));
        }
        if (pending_.empty() && step_ == scenario_.dialogue.size()) input_.close();
    }

    std::string judge(ChildProcess& child) {
        auto const deadline = Clock::now() + grace;
        while (!child.poll() && Clock::now() < deadline) std::this_thread::sleep_for(milliseconds{10});
        auto const status = child.poll();
        if (!status) return "it closed its output and went on running";
        if (!killed_ && (!WIFEXITED(*status) || WEXITSTATUS(*status) != scenario_.exit)) {
            for (auto const& pattern : scenario_.bears)
                if (auto const at = transcript_.find(pattern, 0)) {
                    borne_ = transcript_.line_at(*at);
                    return {};
                }
            return fmt::format("it ended with {} instead of exit code {}{}", end_of_process(*status),
                               scenario_.exit, also_missing());
        }
        if (!expected_.done()) return fmt::format("it never said /{}/", expected_.missing().text);
        if (step_ < scenario_.dialogue.size()) return "it ended before the dialogue did" + also_missing();
        if (!asked_ && !scenario_.monitor.empty()) return "it ended before the monitor was asked";
        return {};
    }

    std::string also_missing() const {
        if (step_ < scenario_.dialogue.size() && scenario_.dialogue[step_].expect)
            return fmt::format("; it never said /{}/", scenario_.dialogue[step_].expect->text);
        return expected_.done() ? "" : fmt::format("; it never said /{}/", expected_.missing().text);
    }

    std::string not_in_time(bool seen) const {
        return fmt::format("after {} s it was still running{}", scenario_.timeout_seconds,
                           seen ? ", although all was said" : also_missing());
    }

    // First politely: `antler run` then ends QEMU and removes its folder.
    void end(ChildProcess& child, int output) {
        auto const deadline = Clock::now() + grace;
        ::kill(child.pid(), SIGTERM);
        while (!child.poll() && Clock::now() < deadline) {
            pollfd waiting{.fd = output, .events = POLLIN, .revents = 0};
            std::array<char, 16384> unread{};
            if (::poll(&waiting, 1, 20) > 0 && ::read(output, unread.data(), unread.size()) < 0) break;
        }
        child.kill();
    }

    // QEMU may be about to end: it is asked again for a while.
    [[nodiscard]] bool machine_is_gone() const {
        auto const deadline = Clock::now() + grace;
        for (;; std::this_thread::sleep_for(poll_interval)) {
            std::error_code none;
            if (!std::filesystem::exists(instances_directory() / machine_, none)) return true;
            auto const running = running_instances();
            if (std::ranges::none_of(running, [&](auto const& one) { return one.name == machine_; }))
                return true;
            if (Clock::now() >= deadline) return false;
        }
    }

    // Whether the machine had not ended with its program; now it has.
    bool end_machine() const {
        if (machine_is_gone()) return false;
        (void)capture({words_.front(), "stop", machine_}, 3 * grace);
        return true;
    }

    std::string ask_monitor() {
        Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        auto const path = socket_.string();
        if (path.size() >= sizeof address.sun_path) return "the monitor's socket has too long a name";
        std::memcpy(address.sun_path, path.data(), path.size());
        if (::connect(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
            return "QEMU's monitor does not answer";
        (void)read_to_prompt(socket.get());
        for (auto const& question : scenario_.monitor)
            if (auto wrong = ask(socket.get(), question); !wrong.empty()) return wrong;
        return {};
    }

    // Asks again for a while: what is true of a machine at rest is not true at every moment.
    std::string ask(int socket, MonitorQuestion const& question) {
        auto const deadline = Clock::now() + grace;
        for (;; std::this_thread::sleep_for(poll_interval)) {
            auto const line = question.ask + "\n";
            if (::send(socket, line.data(), line.size(), MSG_NOSIGNAL) < 0) return "QEMU's monitor hung up";
            Transcript answer;
            answer.append(read_to_prompt(socket));
            if (::write(log_out_.get(), answer.text().data(), answer.text().size()) < 0)
                return "the log is full";
            Sequence expected{question.expect};
            expected.look_at(answer);
            if (!expected.done() && Clock::now() < deadline) continue;
            for (auto const& pattern : question.forbid)
                if (auto const at = answer.find(pattern, 0))
                    return fmt::format("QEMU's monitor said `{}` to `{}`", answer.line_at(*at), question.ask);
            if (expected.done()) return {};
            return fmt::format("QEMU's monitor did not say /{}/ to `{}`", expected.missing().text,
                               question.ask);
        }
    }

    static std::string read_to_prompt(int socket) {
        std::string text;
        while (!text.ends_with("(qemu) ")) {
            pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
            std::array<char, 4096> chunk{};
            if (::poll(&waiting, 1, 5000) <= 0) break;
            auto const got = ::read(socket, chunk.data(), chunk.size());
            if (got <= 0) break;
            text.append(chunk.data(), static_cast<usize>(got));
        }
        return text;
    }

    Scenario const& scenario_;
    Path log_;
    Descriptor log_out_;
    Path socket_{};
    std::vector<std::string> words_{};
    std::string machine_{};  // by which other commands find it
    Path other_{};
    bool killed_ = false;  // by us
    Descriptor input_{};
    std::string pending_{};  // to be typed
    Transcript transcript_{};
    Sequence expected_;
    usize step_ = 0;      // of the dialogue
    usize heard_ = 0;     // by the dialogue
    usize harmless_ = 0;  // up to here nothing forbidden was said
    bool asked_ = false;
    std::optional<Clock::time_point> asked_until_{};  // the step of the dialogue that is asked now
    std::string wrong_{};
    std::vector<double> took_{};  // milliseconds of each time of that step
    std::map<std::string, std::vector<std::string>>
        first_{};  // the lines that are to be the same, by question
    std::string differs_{};
    bool advanced_ = false;  // there may be more to do at once
    std::string borne_{};    // the line that says that another one than the machine failed
};

// Why it cannot be run here; nothing if it can.
std::string missing_for(Scenario const& scenario) {
    if (scenario.needs.empty()) return {};
    auto const* const disk = Catalogue::find_disk(scenario.needs);
    std::error_code error;
    if (std::filesystem::is_regular_file(cache_directory() / disk->file, error)) return {};
    return fmt::format("it needs `{}`, which `{}` makes, and so does `./antler test --long`", disk->name,
                       disk->how);
}

// In the long form everything was made beforehand, if it could be.
void run_scenario(Scenario const& scenario, bool long_form, TestReport& report) {
    if (auto reason = missing_for(scenario); !reason.empty()) {
        report.add({.name = scenario.name,
                    .outcome = long_form ? Outcome::failed : Outcome::skipped,
                    .reason = std::move(reason),
                    .rules = {}});
        return;
    }
    auto const start = Clock::now();
    ScenarioRun run{scenario};
    TestResult result{.name = scenario.name, .reason = run.run(), .log = run.log(), .rules = scenario.rules};
    result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    result.outcome = result.reason.empty() ? Outcome::passed : Outcome::failed;
    result.count = run.counted();
    if (result.outcome == Outcome::passed && scenario.amount != 0)
        result.count.amount = static_cast<u64>(scenario.amount);
    if (!result.count.note.empty())
        report.say(fmt::format("{}: not the machine's failure: {}", scenario.name, result.count.note));
    if (result.outcome == Outcome::passed)
        report.say(fmt::format("{:5.1f} s  {}", result.seconds, scenario.name));
    report.add(std::move(result));
}

}  // namespace

TestStage system_stage(TestOptions const& options) {
    TestStage stage{.name = "system",
                    .sentence = "machines in QEMU",
                    .budget_seconds = options.long_form ? 3600 : 15 * 60};
    std::vector<Path> files;
    std::error_code none;
    for (auto const& entry : std::filesystem::directory_iterator{root_directory() / "tests" / "system", none})
        if (entry.path().extension() == ".toml") files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<Scenario> scenarios;
    for (auto const& file : files)
        for (auto& scenario : read_scenarios(file, options.long_form, options.qemu_args))
            if (is_wanted(options, scenario.name)) scenarios.push_back(std::move(scenario));
    // Those that take longest begin first, so that the last one does not run alone.
    std::ranges::sort(scenarios, {}, [](Scenario const& s) { return std::pair{-s.timeout_seconds, s.name}; });
    for (auto& scenario : scenarios)
        stage.tasks.push_back({.name = scenario.name,
                               .alone = scenario.alone,
                               .run = [scenario, long_form = options.long_form](TestReport& report) {
                                   run_scenario(scenario, long_form, report);
                               }});
    return stage;
}

}  // namespace antler::cli
