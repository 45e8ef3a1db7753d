// SPDX-License-Identifier: GPL-3.0-or-later
// A job type of Flamenco: one task for each row of a manifest, then a contact sheet and one .blend of all.
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
    for (let row = 1; row <= settings.rows; row++) {
        const generate = task("row-" + row, ["--row", String(row)]);
        assemble.addDependency(generate);
        job.addTask(generate);
    }
    job.addTask(assemble);
}
