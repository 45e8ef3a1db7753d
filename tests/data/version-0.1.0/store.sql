BEGIN TRANSACTION;
CREATE TABLE counter (value INTEGER NOT NULL);
INSERT INTO "counter" VALUES(25);
CREATE TABLE jobs (
        id TEXT PRIMARY KEY, service TEXT NOT NULL, state TEXT NOT NULL,
        name TEXT NOT NULL, source TEXT NOT NULL, model_id TEXT NOT NULL, model_name TEXT NOT NULL,
        inputs TEXT NOT NULL, sent TEXT NOT NULL DEFAULT '{}',
        estimate_cu REAL, cost_cu REAL, remote_id TEXT, progress REAL,
        message TEXT NOT NULL DEFAULT '', error_kind TEXT NOT NULL DEFAULT '', resume_state TEXT,
        cancel TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
        not_before REAL NOT NULL DEFAULT 0, created_at REAL NOT NULL, updated_at REAL NOT NULL,
        submitted_at REAL, finished_at REAL, files TEXT NOT NULL DEFAULT '[]',
        result TEXT NOT NULL DEFAULT '{}', placement TEXT NOT NULL DEFAULT '{}',
        change INTEGER NOT NULL);
INSERT INTO "jobs" VALUES('box-0b5b17180986f187f58c','sandbox','placed','box','a red box','model_meshy-txt23d','Meshy Text-to-3D','{"prompt": "a red box"}','{"prompt": "a red box"}',9.0,9.0,'job_XckHIR7GN0nPDBpyuCDcF0Wc',NULL,'','',NULL,'',0,0.0,1.79591724934045696257e+09,1.79591725376003241536e+09,1.79591724950259923939e+09,1.79591725356140327453e+09,'[{"path": "result/model.glb", "role": "mesh", "name": "model.glb", "sha256": "ba036bd0a25f6842437f6b2d4d58affc6037f6fb5660b513a5ccdc3d252a3bba", "size": 137732}]','{"ok": true, "imported": ["model.glb"], "kept": [], "faces": 5208, "objects": 1, "textures": 1, "messages": [], "min": [-0.5, -0.03537089005112648, 0.0], "max": [0.4999999701976776, 0.03537088632583618, 0.18472188711166382]}','{}',19);
INSERT INTO "jobs" VALUES('ball-11bac482aec98b8791db','sandbox','placed','ball','a blue ball','model_meshy-txt23d','Meshy Text-to-3D','{"prompt": "a blue ball"}','{"prompt": "a blue ball"}',9.0,9.0,'job_XR6BhonikVEEYJsKn4XdjA0i',NULL,'','',NULL,'',0,0.0,1.79591724934228014944e+09,1.79591725376595091824e+09,1.79591724950834679599e+09,1.79591725356243062019e+09,'[{"path": "result/model.glb", "role": "mesh", "name": "model.glb", "sha256": "1fa20e285e3fc5f8a61c5646c3b927baf3c6b5384304aa4cc4863c59f0f46e84", "size": 159744}]','{"ok": true, "imported": ["model.glb"], "kept": [], "faces": 6048, "objects": 1, "textures": 1, "messages": [], "min": [-0.5000000596046448, -0.03504205122590065, 0.0], "max": [0.5, 0.03504204750061035, 0.18299849331378937]}','{}',20);
INSERT INTO "jobs" VALUES('cone-4deed9c0e97cd9802e39','sandbox','queued','cone','a green cone','model_meshy-txt23d','Meshy Text-to-3D','{"prompt": "a green cone"}','{"prompt": "a green cone"}',9.0,9.0,'job_J9K1bGw0VDy7N5tqQh7fyZOg',NULL,'','',NULL,'',0,0.0,1.79591726241950559619e+09,1.79591726268772912018e+09,1.79591726250558209425e+09,NULL,'[]','{}','{}',25);
CREATE TABLE lease (
        service TEXT PRIMARY KEY, owner TEXT NOT NULL, renewed_at REAL NOT NULL,
        trouble TEXT NOT NULL DEFAULT '', trouble_kind TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
INSERT INTO "lease" VALUES('sandbox','23019-of-0.1.0',1.79591726263933372498e+09,'','');
CREATE TABLE questions (
        service TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
        is_background INTEGER NOT NULL, is_open INTEGER NOT NULL DEFAULT 1, answer TEXT,
        error TEXT NOT NULL DEFAULT '', asked_at REAL NOT NULL, answered_at REAL,
        change INTEGER NOT NULL, PRIMARY KEY (service, kind, key));
CREATE TABLE uploads (
        service TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL, asset_id TEXT NOT NULL,
        PRIMARY KEY (service, sha256, kind)) WITHOUT ROWID;
CREATE INDEX jobs_by_state ON jobs (service, state);
CREATE INDEX jobs_by_change ON jobs (change);
CREATE UNIQUE INDEX jobs_by_remote ON jobs (service, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX questions_by_change ON questions (change);
CREATE INDEX questions_open ON questions (service) WHERE is_open;
COMMIT;
PRAGMA user_version=3;
