// SPDX-License-Identifier: GPL-3.0-or-later
// A job type of Flamenco: tasks of one row of a manifest, or of a few, then a contact sheet and one .blend of all.
// Put it into the folder `scripts` beside the Flamenco Manager; ../../farm.md tells more.

const JOB_TYPE = {
    label: "Maquette Batch",
    settings: [
        {
            key: "manifest", type: "string", subtype: "file_path", required: true, visible: "submission",
            description: "The .csv or .jsonl file, or the folder of pictures; files that it names are relative to it",
        },
        {
            key: "output_folder", type: "string", subtype: "dir_path", required: true, visible: "submission",
            description: "Where results and the batch's memory go: shared storage, seen by all workers",
        },
        {
            key: "rows", type: "int32", required: true, default: 1,
            description: "How many rows the manifest has; `maquette batch --dry-run` counts them",
        },
        {
            key: "rows_per_task", type: "int32", default: 1, required: false,
            description: "How many rows a task makes; keep it when you submit the same manifest again",
        },
        {
            key: "options", type: "string", default: "", required: false,
            description: "More options of `maquette batch`, separated by spaces, such as --outputs glb,png --size 2",
        },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const options = settings.options ? settings.options.split(/\s+/).filter((word) => word) : [];
    const common = [
        "--background", "--online-mode", "--command", "maquette", "batch", settings.manifest,
        "--output", settings.output_folder,
    ];

    function task(name, extra) {
        const made = author.Task(name, "blender");
        made.addCommand(author.Command("exec", { exe: "{blender}", args: common.concat(options, extra) }));
        return made;
    }

    const assemble = task("assemble", ["--assemble"]);
    const count = Math.max(1, settings.rows_per_task || 1);
    for (let first = 1; first <= settings.rows; first += count) {
        const last = Math.min(first + count - 1, settings.rows);
        const rows = first === last ? String(first) : first + "-" + last;
        // A row that has failed for good ends no task: a worker would be blocked for it. The last task tells it.
        const generate = task("row-" + rows, ["--record-failures", "--rows", rows]);
        assemble.addDependency(generate);
        job.addTask(generate);
    }
    job.addTask(assemble);
}
